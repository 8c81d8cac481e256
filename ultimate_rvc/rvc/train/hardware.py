"""The devices that a step of training works on, as `--hardware-acceleration` and `--gpu-id` name them."""

from ultimate_rvc import device as devices
from ultimate_rvc.device import Device
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options_training import HardwareOptions


def chosen_devices(options: HardwareOptions) -> list[Device]:
    """One, or a GPU per gpu_id in their order. Raises DeviceError for one that is not there."""
    if options.hardware_acceleration == "GPU":
        return [devices.choose(f"cuda:{number}") for number in sorted(set(options.gpu_id))]
    return [devices.choose("cpu" if options.hardware_acceleration == "CPU" else "auto")]


def training_device(options: HardwareOptions) -> Device:
    """The one that a training runs on. Raises OptionError for several, DeviceError for one that is not there."""
    if len(set(options.gpu_id)) > 1:
        raise OptionError(f"gpu_id is {', '.join(map(str, options.gpu_id))}; a training runs on one GPU, so name one")
    return chosen_devices(options)[0]
