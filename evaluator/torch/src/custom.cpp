// A differentiable operation whose two directions are functions of the caller. No exception leaves this file.

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <stdexcept>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Reads `count` tensors and writes at most `room` new ones, which the reader deletes; returns how many, or -1.
using Pass = int64_t (*)(const void *operation, const Tensor *const *tensors, int64_t count, Tensor **made, int64_t room);

struct Operation {
    const void *operation;
    Pass forward, backward;
};

static variable_list run(const Operation &operation, Pass pass, const variable_list &tensors) {
    std::vector<const Tensor *> pointers;
    for (const Tensor &tensor : tensors) pointers.push_back(&tensor);
    std::array<Tensor *, 32> made{};
    const int64_t count = pass(operation.operation, pointers.data(), pointers.size(), made.data(), made.size());
    variable_list result;
    for (int64_t i = 0; i < count; i++) {
        result.push_back(std::move(*made[i]));
        delete made[i];
    }
    if (count < 0) throw std::runtime_error("a custom operation failed");
    return result;
}

struct Custom : torch::autograd::Function<Custom> {
    static Tensor forward(AutogradContext *context, const Operation *operation, at::TensorList inputs) {
        variable_list saved(inputs.begin(), inputs.end());
        variable_list made = run(*operation, operation->forward, saved);
        saved.insert(saved.end(), made.begin() + 1, made.end());
        context->save_for_backward(saved);
        context->saved_data["operation"] = reinterpret_cast<int64_t>(operation);
        return made[0];
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        const auto operation = reinterpret_cast<const Operation *>(context->saved_data["operation"].toInt());
        variable_list tensors = context->get_saved_variables();
        tensors.push_back(gradients[0]);
        variable_list made = run(*operation, operation->backward, tensors);
        made.insert(made.begin(), Tensor()); // none for `operation` itself
        return made;
    }
};

// A new tensor, or null after an error. `operation` lives as long as the program.
extern "C" Tensor *fecund_custom_apply(const Operation *operation, const Tensor *const *inputs, int64_t count) {
    try {
        variable_list list;
        for (int64_t i = 0; i < count; i++) list.push_back(*inputs[i]);
        return new Tensor(Custom::apply(operation, at::TensorList(list)));
    } catch (...) {
        return nullptr;
    }
}
