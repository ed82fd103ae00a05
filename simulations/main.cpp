#include "common/crypto/random.h"
#include "common/program/program.h"
#include "simulations/commands/commands.h"

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  const fedspend::program::ProgramSpec program{
      .name = "fedspend-sim",
      .summary = "the federation on one machine, on your own transactions, before any rollout",
      .commands = {fedspend::simulations::baselines_command(), fedspend::simulations::synth_command(), fedspend::simulations::plan_command(), fedspend::simulations::preflight_command(),
                   fedspend::simulations::profiles_command(), fedspend::simulations::init_command(),
                   fedspend::simulations::run_command(), fedspend::simulations::evaluate_command(), fedspend::simulations::references_command(),
                   fedspend::simulations::sweep_command(), fedspend::simulations::compare_command(),
                   fedspend::simulations::secagg_params_command(), fedspend::simulations::secagg_command(),
                   fedspend::simulations::privacy_command(), fedspend::simulations::calibrate_command(), fedspend::simulations::audit_command()},
  };
  return fedspend::program::run_program(program, argc, argv);
}
