"""The devices that a step of training works on, as `--hardware-acceleration` and `--gpu-id` name them."""

from ultimate_rvc import device as devices
from ultimate_rvc.device import Device
from ultimate_rvc.options_training import HardwareOptions


def chosen_devices(options: HardwareOptions) -> list[Device]:
    """One, or a GPU per gpu_id in their order. Raises DeviceError for one that is not there."""
    if options.hardware_acceleration == "GPU":
        return [devices.choose(f"cuda:{number}") for number in sorted(set(options.gpu_id))]
    return [devices.choose("cpu" if options.hardware_acceleration == "CPU" else "auto")]
