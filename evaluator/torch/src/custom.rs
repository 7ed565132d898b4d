//! Differentiable operations of our own: both directions in Rust, known to libtorch's autograd through `custom.cpp`.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use tch::Tensor;

/// Tensors in libtorch's own form.
type Raw = c_void;
type Pass = extern "C" fn(*const c_void, *const *const Raw, i64, *mut *mut Raw, i64) -> i64;

/// The two directions. Neither records gradients of what it does.
#[derive(Debug)]
pub struct Functions {
    /// From the inputs to the result, followed by what else `backward` needs.
    pub forward: fn(&[Tensor]) -> Vec<Tensor>,
    /// From the inputs, what `forward` added and the gradient of the result to the gradient of every input.
    pub backward: fn(&[Tensor], &Tensor) -> Vec<Tensor>,
}

/// As `custom.cpp` declares it.
#[repr(C)]
#[derive(Debug)]
pub struct Operation {
    functions: *const c_void,
    forward: Pass,
    backward: Pass,
}

// SAFETY: points to a static that is never written.
unsafe impl Sync for Operation {}

unsafe extern "C" {
    fn fecund_custom_apply(operation: *const Operation, inputs: *const *const Raw, count: i64) -> *mut Raw;
}

impl Operation {
    pub const fn new(functions: &'static Functions) -> Self {
        Self { functions: (&raw const *functions).cast(), forward: run_forward, backward: run_backward }
    }

    /// The result, with a gradient wherever an input has one. Panics where libtorch reports an error, as `tch` does.
    pub fn apply(&'static self, inputs: &[&Tensor]) -> Tensor {
        let inputs: Vec<*const Raw> = inputs.iter().map(|input| input.as_ptr().cast()).collect();
        // SAFETY: the operation is static, the pointers are those of borrowed tensors.
        let made = unsafe { fecund_custom_apply(self, inputs.as_ptr(), inputs.len() as i64) };
        assert!(!made.is_null(), "a custom operation failed");
        // SAFETY: a new tensor that nobody else deletes.
        unsafe { Tensor::from_ptr(made.cast()) }
    }
}

extern "C" fn run_forward(
    functions: *const c_void,
    tensors: *const *const Raw,
    count: i64,
    made: *mut *mut Raw,
    room: i64,
) -> i64 {
    run(tensors, count, made, room, |inputs| {
        // SAFETY: the static that `Operation::new` was given.
        unsafe { ((*functions.cast::<Functions>()).forward)(inputs) }
    })
}

extern "C" fn run_backward(
    functions: *const c_void,
    tensors: *const *const Raw,
    count: i64,
    made: *mut *mut Raw,
    room: i64,
) -> i64 {
    run(tensors, count, made, room, |tensors| {
        let (gradient, saved) = tensors.split_last().expect("the gradient comes last");
        // SAFETY: as above.
        unsafe { ((*functions.cast::<Functions>()).backward)(saved, gradient) }
    })
}

/// Lends the tensors to `function` and hands over what it makes; −1 if it panics.
fn run(
    tensors: *const *const Raw,
    count: i64,
    made: *mut *mut Raw,
    room: i64,
    function: impl FnOnce(&[Tensor]) -> Vec<Tensor>,
) -> i64 {
    let made = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `custom.cpp` lends `count` tensors and room for `room`; `ManuallyDrop` leaves the former alone.
        let (tensors, room) = unsafe {
            (slice::from_raw_parts(tensors, count as usize), slice::from_raw_parts_mut(made, room as usize))
        };
        let lend = |tensor: &*const Raw| unsafe { Tensor::from_ptr(tensor.cast_mut().cast()) };
        let lent = ManuallyDrop::new(tensors.iter().map(lend).collect::<Vec<_>>());
        let new = function(&lent);
        // The list goes, what it lent stays.
        ManuallyDrop::into_inner(lent).into_iter().for_each(std::mem::forget);
        assert!(new.len() <= room.len(), "{} tensors are too many", new.len());
        let count = new.len() as i64;
        for (place, tensor) in room.iter_mut().zip(new) {
            *place = ManuallyDrop::new(tensor).as_ptr().cast_mut().cast();
        }
        count
    }));
    made.unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn ones() -> Tensor {
        Tensor::ones([2], (Kind::Double, Device::Cpu)).set_requires_grad(true)
    }

    #[test]
    fn gradients_pass_and_saved_tensors_arrive() {
        static CUBE: Operation = Operation::new(&Functions {
            forward: |inputs| vec![&inputs[0] * &inputs[0] * &inputs[0], &inputs[0] * &inputs[0]],
            backward: |saved, gradient| vec![&saved[1] * gradient * 3.0],
        });
        let x = ones() * 2.0;
        let y = CUBE.apply(&[&x]);
        let gradients = Tensor::run_backward(&[y.sum(None)], &[&x], false, false);
        assert_eq!(Vec::<f64>::try_from(&gradients[0]).unwrap(), [12.0; 2]);
        assert!(!tch::no_grad(|| CUBE.apply(&[&x])).requires_grad());
    }

    #[test]
    fn a_panic_on_either_way_is_a_panic_of_the_caller_and_nothing_worse() {
        static NO_WAY: Operation =
            Operation::new(&Functions { forward: |_| panic!("forward"), backward: |_, _| unreachable!() });
        static ONE_WAY: Operation = Operation::new(&Functions {
            forward: |inputs| vec![&inputs[0] * 2.0],
            backward: |_, _| panic!("backward"),
        });
        let x = ones();
        assert!(catch_unwind(AssertUnwindSafe(|| NO_WAY.apply(&[&x]))).is_err());
        let y = ONE_WAY.apply(&[&x]).sum(None);
        assert!(Tensor::f_run_backward(&[y], &[&x], false, false).is_err());
        assert_eq!(f64::try_from(x.sum(None)).unwrap(), 2.0);
    }
}
