"""How many CUDA devices there are, without the seconds that importing torch takes."""

import ctypes


def devices() -> int:
    """The number of CUDA devices that this process may use; CUDA_VISIBLE_DEVICES counts."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return 0 if failed else count.value
