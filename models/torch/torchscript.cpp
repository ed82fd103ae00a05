#include "models/torch/torchscript.h"

#include <torch/script.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "common/protocol/plain_text.h"
#include "models/torch/torch_error.h"
#include "models/torchscript_archive.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kMaxParameters = std::size_t{1} << 24;  // of a plan
constexpr std::size_t kMaxNameBytes = 256;
constexpr const char* kHowToSave = "save it by torch.jit.script(model).save(\"model.pt\"); torch.save writes something else";
constexpr const char* kContract = "the contract is in models/torch/README.md";

// As it is written: see the header. The switch may be one of the thread or of the process.
void run_as_written() {
  thread_local const bool prepared = [] {
    torch::jit::setGraphExecutorOptimize(false);
    return true;
  }();
  static_cast<void>(prepared);
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (const std::int64_t n : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

std::vector<std::size_t> shape_of(const at::Tensor& tensor) {
  std::vector<std::size_t> shape;
  for (const std::int64_t n : tensor.sizes()) shape.push_back(static_cast<std::size_t>(n));
  return shape;
}

class ScriptNetworkTorch final : public ScriptNetwork {
 public:
  ScriptNetworkTorch(torch::jit::Module module, std::size_t categories, std::size_t length) : module_(std::move(module)), categories_(categories), length_(length) {
    module_.eval();
  }

  Status read_forward(const std::string& file);
  Status read_parameters(const std::string& file);

  const std::vector<LayoutEntry>& layout() const override { return layout_; }
  std::size_t parameter_count() const override { return initial_.size(); }
  void initialize(std::span<float> weights, std::uint64_t) const override { std::copy(initial_.begin(), initial_.end(), weights.begin()); }
  std::vector<at::Tensor> parameters() override { return parameters_; }
  void load(std::span<const float> weights) override;
  void store(std::span<float> weights) override;
  bool takes_past() const override { return takes_past_; }
  std::size_t fixed_length() const override { return length_; }
  bool carries_state() const override { return false; }
  at::Tensor logits(const WindowBatch& batch, at::Tensor* state) override;
  const std::vector<std::string>& frozen() const override { return frozen_; }
  Bytes frozen_values() const override;

 private:
  bool is_trained(const at::Tensor& tensor) const;
  Status add_parameter(const std::string& file, const std::string& name, const at::Tensor& parameter);

  torch::jit::Module module_;
  std::size_t categories_, length_;
  bool takes_past_ = false;
  std::vector<LayoutEntry> layout_;
  std::vector<at::Tensor> parameters_;
  std::vector<float> initial_;
  std::vector<std::string> frozen_;
};

Status ScriptNetworkTorch::read_forward(const std::string& file) {
  const auto forward = module_.find_method("forward");
  if (!forward) return fail(ErrorCode::malformed, file + ": it has no forward", kContract);
  const auto& schema = forward->function().getSchema();
  const std::size_t inputs = schema.arguments().size() - 1;  // the first is the module
  const auto is_tensor = [](const c10::Argument& argument) { return argument.type()->isSubtypeOf(*c10::TensorType::get()); };
  const bool tensors = std::all_of(schema.arguments().begin() + 1, schema.arguments().end(), is_tensor);
  if ((inputs != 3 && inputs != 4) || !tensors || schema.returns().size() != 1 || !is_tensor(schema.returns().front()))
    return fail(ErrorCode::malformed, file + ": its forward is not one from three or four tensors (categories, merchants, numeric, past) to one", kContract);
  takes_past_ = inputs == 4;
  return {};
}

bool ScriptNetworkTorch::is_trained(const at::Tensor& tensor) const {
  return std::any_of(parameters_.begin(), parameters_.end(), [&](const at::Tensor& trained) { return trained.is_same(tensor); });
}

Status ScriptNetworkTorch::add_parameter(const std::string& file, const std::string& name, const at::Tensor& parameter) {
  const std::string what = file + ": its parameter " + name;
  if (parameter.scalar_type() != at::kFloat || parameter.layout() != at::kStrided)
    return fail(ErrorCode::malformed, what + " is of type " + std::string(c10::toString(parameter.scalar_type())), "trained parameters are float32: model.float() before it is saved");
  if (parameter.numel() == 0) return fail(ErrorCode::malformed, what + " is empty", "leave it out, or do not train it (requires_grad_(False))");
  if (is_trained(parameter)) return {};  // one tensor under two names: it is trained once
  const auto shares = [&](const at::Tensor& trained) { return trained.data_ptr() == parameter.data_ptr(); };
  if (std::any_of(parameters_.begin(), parameters_.end(), shares))
    return fail(ErrorCode::malformed, what + " shares its memory with another one", "use one parameter in both places");
  if (initial_.size() + static_cast<std::size_t>(parameter.numel()) > kMaxParameters)
    return fail(ErrorCode::limit, file + ": more than " + std::to_string(kMaxParameters) + " trained parameters", "a plan's model has at most 2^24");
  layout_.push_back({name, shape_of(parameter), initial_.size()});
  const at::Tensor values = parameter.detach().contiguous();
  initial_.insert(initial_.end(), values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  parameters_.push_back(parameter);
  return {};
}

Status ScriptNetworkTorch::read_parameters(const std::string& file) {
  for (const auto& named : module_.named_parameters()) {
    if (named.name.size() > kMaxNameBytes || !is_plain_text(named.name)) return fail(ErrorCode::malformed, file + ": a parameter has a name that is no short plain text", kContract);
    if (named.value.requires_grad()) FEDSPEND_TRY(add_parameter(file, named.name, named.value));
  }
  if (parameters_.empty()) return fail(ErrorCode::malformed, file + ": it has no trainable parameter", "save the model unfrozen (no torch.jit.freeze), with requires_grad of what is to be trained");
  std::size_t frozen_bytes = 0;
  for (const auto& named : module_.named_attributes()) {
    if (!named.value.isTensor() || !named.value.toTensor().defined() || is_trained(named.value.toTensor())) continue;
    frozen_.push_back(named.name);
    const at::Tensor& tensor = named.value.toTensor();  // its shape may claim more than the file holds (a stride of 0)
    const auto count = static_cast<std::size_t>(tensor.numel()), each = static_cast<std::size_t>(tensor.element_size());
    if (count > (kMaxModelFileBytes - frozen_bytes) / each)
      return fail(ErrorCode::limit, file + ": its tensors that are not trained are larger than " + std::to_string(kMaxModelFileBytes >> 20) + " MiB", "save the tensors themselves, not expanded views of them");
    frozen_bytes += count * each;
  }
  return {};
}

void ScriptNetworkTorch::load(std::span<const float> weights) {
  const torch::NoGradGuard no_gradient;
  const float* from = weights.data();
  for (at::Tensor& parameter : parameters_) {
    const at::Tensor values = torch::empty(parameter.sizes());
    std::copy_n(from, values.numel(), values.data_ptr<float>());
    parameter.copy_(values);
    from += values.numel();
  }
}

void ScriptNetworkTorch::store(std::span<float> weights) {
  const torch::NoGradGuard no_gradient;
  float* to = weights.data();
  for (const at::Tensor& parameter : parameters_) {
    const at::Tensor values = parameter.detach().contiguous();
    to = std::copy_n(values.data_ptr<float>(), values.numel(), to);
  }
}

at::Tensor ScriptNetworkTorch::logits(const WindowBatch& batch, at::Tensor*) {
  run_as_written();
  std::vector<torch::jit::IValue> inputs{batch.categories, batch.merchants, batch.numeric};
  if (takes_past_) inputs.emplace_back(batch.past);
  const torch::jit::IValue given = module_.forward(std::move(inputs));
  const at::Tensor logits = given.toTensor();
  const std::vector<std::int64_t> expected{batch.categories.size(0), batch.categories.size(1), static_cast<std::int64_t>(categories_)};
  if (logits.sizes() != at::IntArrayRef(expected))
    throw std::runtime_error("forward gives " + shape_text(logits.sizes()) + " where " + shape_text(expected) + " (windows, steps, categories) is expected");
  if (logits.scalar_type() != at::kFloat) throw std::runtime_error("forward gives " + std::string(c10::toString(logits.scalar_type())) + " where float32 is expected");
  return logits;
}

Bytes ScriptNetworkTorch::frozen_values() const {
  Bytes bytes;
  for (const auto& named : module_.named_attributes()) {
    if (!named.value.isTensor() || !named.value.toTensor().defined() || is_trained(named.value.toTensor())) continue;
    const at::Tensor values = named.value.toTensor().detach().contiguous();
    const auto* begin = static_cast<const std::uint8_t*>(values.data_ptr());
    bytes.insert(bytes.end(), begin, begin + values.nbytes());
  }
  return bytes;
}

Result<torch::jit::Module> read_module(const std::string& name, ByteSpan file) {
  return guarded(ErrorCode::malformed, name + ": it is not a TorchScript file", kHowToSave, [&]() -> Result<torch::jit::Module> {
    std::istringstream stream{std::string(as_text(file))};
    return torch::jit::load(stream, c10::Device(c10::kCPU));
  });
}

}  // namespace

Result<std::unique_ptr<ScriptNetwork>> load_script(const ModelSpec& model, const TorchScriptSizes& sizes, ByteSpan file) {
  prepare_torch_thread();
  FEDSPEND_TRY(check_model_file(model, file));
  FEDSPEND_TRY(check_torchscript_archive(model.file, file));
  FEDSPEND_ASSIGN(torch::jit::Module module, read_module(model.file, file));
  return guarded(ErrorCode::malformed, model.file + ": its module cannot be used", kContract, [&]() -> Result<std::unique_ptr<ScriptNetwork>> {
    auto network = std::make_unique<ScriptNetworkTorch>(std::move(module), sizes.categories, sizes.sequence_length);
    FEDSPEND_TRY(network->read_forward(model.file));
    FEDSPEND_TRY(network->read_parameters(model.file));
    if (model.parameter_count != 0 && model.parameter_count != network->parameter_count())
      return fail(ErrorCode::invalid_argument, "model.parameter_count is " + std::to_string(model.parameter_count) + ", but " + model.file + " has " + std::to_string(network->parameter_count()) + " trained parameters",
                  "draft the plan anew for this file");
    return network;
  });
}

WindowSizes window_sizes(const TorchScriptSizes& sizes) {
  return {.categories = sizes.categories, .merchant_buckets = sizes.merchant_buckets, .past_rows = sizes.past_rows, .sequence_length = sizes.sequence_length};
}

Result<std::unique_ptr<Trainer>> make_torchscript_trainer(const ModelSpec& model, ByteSpan file) {
  FEDSPEND_ASSIGN(const TorchScriptSizes sizes, TorchScriptSizes::from(model));
  FEDSPEND_ASSIGN(std::unique_ptr<ScriptNetwork> network, load_script(model, sizes, file));
  return make_window_trainer(model.file, std::move(network), window_sizes(sizes));
}

}  // namespace fedspend::models
