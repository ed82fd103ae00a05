#include "common/crypto/random.h"
#include "common/program/program.h"
#include "simulations/commands.h"

int main(int argc, char** argv) {
  using namespace fedspend;
  initialize_crypto();
  const program::ProgramSpec program{
      .name = "fedspend-sim",
      .summary = "the federation on one machine, on your own transactions, before any rollout",
      .commands = {simulations::baselines_command(), simulations::plan_command(), simulations::profiles_command(), simulations::synth_command()},
  };
  return program::run_program(program, argc, argv);
}
