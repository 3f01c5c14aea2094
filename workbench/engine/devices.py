"""Which device computes, and why: the choice is always told with its reason."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import torch

from workbench.api import WorkbenchError

logger = logging.getLogger(__name__)
GIB = 2**30


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """``id`` as torch writes it, a ``title`` for the device chip, the ``reason`` it is (not) chosen."""

    id: str
    title: str
    reason: str
    chosen: bool = False
    free_bytes: int = 0
    total_bytes: int = 0

    @property
    def device(self) -> torch.device:
        return torch.device(self.id)

    def to_json(self) -> dict[str, object]:
        return {"id": self.id, "title": self.title, "reason": self.reason, "chosen": self.chosen}


def usable_cores() -> int:
    """Cores this process may use (its affinity, not the machine's number)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def cuda_memory(index: int) -> tuple[int, int]:
    """Free and total bytes of GPU ``index``, by the driver's library where it is, else by torch."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            uuid = str(torch.cuda.get_device_properties(index).uuid)
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
            info = pynvml.nvmlDeviceGetMemoryInfo(handle)
            return int(info.free), int(info.total)
        finally:
            pynvml.nvmlShutdown()
    except Exception as error:  # any failure of the driver's library: torch can answer too
        logger.debug("no answer from the driver's library: %s", error)
    free, total = torch.cuda.mem_get_info(index)
    return int(free), int(total)


def cpu_title(threads: int) -> str:
    return f"CPU · {threads} thread{'s' if threads != 1 else ''}"


def _cpu(reason: str, threads: int) -> DeviceInfo:
    return DeviceInfo("cpu", cpu_title(threads), reason)


def _cuda(index: int, reason: str) -> DeviceInfo:
    free, total = cuda_memory(index)
    name = torch.cuda.get_device_name(index).removeprefix("NVIDIA ")
    title = f"{name} · {(total - free) / GIB:.0f} of {total / GIB:.0f} GiB"
    return DeviceInfo(f"cuda:{index}", title, reason, free_bytes=free, total_bytes=total)


def list_devices(threads: int | None = None) -> list[DeviceInfo]:
    """Every device of this machine, the one "auto" takes marked chosen."""
    chosen = choose_device("auto", threads=threads)
    found = [_cpu("always there", threads or torch.get_num_threads())]
    if torch.cuda.is_available():
        found += [_cuda(index, "a CUDA device") for index in range(torch.cuda.device_count())]
    if _mps_available():
        found.append(DeviceInfo("mps", "Apple GPU", "Metal is available"))
    return [chosen if info.id == chosen.id else info for info in found]


def choose_device(requested: str = "auto", *, threads: int | None = None) -> DeviceInfo:
    """The device to compute on. :class:`WorkbenchError` when one asked for by name is not there."""
    threads = threads or torch.get_num_threads()
    if requested == "auto":
        info = _automatic(threads)
    elif requested == "cpu":
        info = _cpu("asked for", threads)
    elif requested == "mps":
        if not _mps_available():
            raise _gone("mps", "This machine has no Apple GPU that torch can use.")
        info = DeviceInfo("mps", "Apple GPU", "asked for")
    elif requested.partition(":")[0] == "cuda":
        info = _requested_cuda(requested)
    else:
        raise WorkbenchError(
            f"There is no device called {requested!r}.", fix="Write auto, cpu, cuda, cuda:1 or mps as the device."
        )
    return DeviceInfo(info.id, info.title, info.reason, True, info.free_bytes, info.total_bytes)


def _automatic(threads: int) -> DeviceInfo:
    if torch.cuda.is_available():
        try:
            candidates = [_cuda(index, "") for index in range(torch.cuda.device_count())]
        except RuntimeError as error:  # a driver that lists a GPU it cannot open
            return _cpu(f"the GPU does not answer ({str(error).splitlines()[0]})", threads)
        best = max(candidates, key=lambda info: info.free_bytes)
        reason = "most free memory" if len(candidates) > 1 else "the only GPU"
        return DeviceInfo(best.id, best.title, reason, False, best.free_bytes, best.total_bytes)
    if _mps_available():
        # small recurrent networks are bound by kernel launches there, and the fused CPU kernels win
        return _cpu("faster than the Apple GPU for recurrent networks of this size; ask for mps to use it", threads)
    return _cpu("no GPU that torch can use", threads)


def _requested_cuda(requested: str) -> DeviceInfo:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    _, colon, number = requested.partition(":")
    if colon and not number.isdigit():
        raise WorkbenchError(f"There is no device called {requested!r}.", fix="Write cuda or cuda:0.")
    if count == 0:
        raise _gone(requested, "No CUDA device answers: it is gone, its driver stopped, or torch was built without.")
    if not colon:
        best = max((_cuda(index, "asked for") for index in range(count)), key=lambda info: info.free_bytes)
        return best
    if int(number) >= count:
        raise _gone(requested, f"This machine has {count} CUDA device{'s' if count != 1 else ''}, counted from 0.")
    return _cuda(int(number), "asked for")


def _mps_available() -> bool:
    return bool(torch.backends.mps.is_available())


def _gone(requested: str, why: str) -> WorkbenchError:
    return WorkbenchError(
        f"The device {requested} is not there.", why=why, fix='Set the device to "auto" or "cpu" and start again.'
    )


def bfloat16_offered(device: torch.device) -> tuple[bool, str]:
    """Whether bfloat16 autocast works on ``device``, by trying a small LSTM both ways, and why not."""
    if device.type != "cuda":
        return False, "bfloat16 is offered on CUDA GPUs only; recurrent kernels on this device do not have it."
    try:
        with torch.random.fork_rng(devices=[device]), torch.enable_grad():
            probe = torch.nn.LSTM(8, 8, batch_first=True).to(device)
            with torch.autocast("cuda", dtype=torch.bfloat16):
                states, _ = probe(torch.zeros(2, 3, 8, device=device))
            states.float().sum().backward()
            torch.cuda.synchronize(device)
    except RuntimeError as error:
        return False, f"bfloat16 does not work on this device: {str(error).splitlines()[0]}"
    return True, ""
