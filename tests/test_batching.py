"""What is done when memory does not suffice: halving what failed, and the one error."""

import weakref

import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.method.batching import BatchSize, DoesNotFitError, is_out_of_memory, memory_for

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 1.2 MB)"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
        "to allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory"),
    MemoryError(),
]
OTHER = [
    RuntimeError("mat1 and mat2 must have the same dtype"),
    ValueError("out of memory"),
    DoesNotFitError("out of memory: one sequence does not fit"),
]


def running(room: int, error: Exception = FULL[0]):
    """A function for `BatchSize.run` with room for so many items, and the sizes it was called with."""
    sizes = []

    def call(part: range) -> list[int]:
        sizes.append(len(part))
        if len(part) > room:
            raise error
        return list(part)

    return call, sizes


def joined(parts) -> list[int]:
    return [item for part in parts for item in part]


@pytest.mark.parametrize("error", FULL, ids=str)
def test_every_allocators_complaint_means_a_smaller_batch(error):
    call, sizes = running(3, error)
    assert joined(BatchSize(4).run(call, range(8))) == list(range(8))
    assert sizes == [4, 2, 2, 2, 2]


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_other_errors_are_left_alone(error):
    call, sizes = running(0, error)
    with pytest.raises(type(error)) as raised:
        list(BatchSize(4).run(call, range(8)))
    assert raised.value is error
    assert sizes == [4]


def test_the_batch_that_failed_is_halved_not_what_it_could_have_been():
    call, sizes = running(1)
    batch = BatchSize(12)
    assert joined(batch.run(call, range(3))) == [0, 1, 2]
    assert sizes == [3, 1, 1, 1]
    list(batch.run(call, range(5)))
    assert sizes[4:] == [1] * 5, "what did not fit is not tried again"


@pytest.mark.parametrize("room", range(1, 8))
@pytest.mark.parametrize("items", [1, 3, 8, 12])
def test_no_failure_is_repeated_and_nothing_is_lost(room, items):
    call, sizes = running(room)
    assert joined(BatchSize(items).run(call, range(7))) == list(range(7))
    failed = [size for size in sizes if size > room]
    assert failed == sorted(set(failed), reverse=True)


@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_single_item_that_does_not_fit_is_one_error_with_the_remedies(error):
    call, sizes = running(0, error)
    with pytest.raises(KeyFaceError, match=r"a window does not fit .*--offload.*--dtype.*smaller") as raised:
        list(BatchSize(4).run(call, range(4), "a window"))
    assert sizes == [4, 2, 1]
    assert "\n" not in str(raised.value)
    assert not is_out_of_memory(raised.value)
    # ComfyUI knows by the class when to free its models.
    assert isinstance(raised.value, torch.OutOfMemoryError)


def test_what_did_not_fit_is_freed_before_less_is_tried():
    alive = []

    def call(part: range):
        assert not any(reference() is not None for reference in alive)
        large = torch.zeros(10)
        alive.append(weakref.ref(large))
        if len(part) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        del large
        return part

    list(BatchSize(8).run(call, range(8)))
    assert len(alive) == 3 + 8


def test_the_context_names_what_did_not_fit_and_lets_other_errors_pass():
    with pytest.raises(KeyFaceError, match="the portrait does not fit"), memory_for("the portrait"):
        raise FULL[1]
    with pytest.raises(ZeroDivisionError), memory_for("the portrait"):
        _ = 1 / 0
