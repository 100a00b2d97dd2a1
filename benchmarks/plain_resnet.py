"""A ResNet in plain PyTorch, with the names of torchvision and timm: the yardstick for speed and for loading.

He et al., 2015 (https://arxiv.org/abs/1512.03385), the stride of a bottleneck in its 3x3 convolution.
"""

import torch
from torch import nn


class Block(nn.Module):
    """A basic block (two 3x3 convolutions) or a bottleneck (1x1, 3x3, 1x1).

    Args:
        given: Input channels.
        width: Channels inside; a bottleneck gives out four times as many.
        stride: Step in pixels.
        bottleneck: Which of the two.
    """

    def __init__(self, given: int, width: int, stride: int, bottleneck: bool):
        super().__init__()
        out = width * 4 if bottleneck else width
        if bottleneck:
            self.conv1 = nn.Conv2d(given, width, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.conv3 = nn.Conv2d(width, out, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(out)
        else:
            self.conv1 = nn.Conv2d(given, width, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, out, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.bottleneck = bottleneck
        self.downsample = None
        if stride != 1 or given != out:
            self.downsample = nn.Sequential(nn.Conv2d(given, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W)
        """Apply the block."""
        shortcut = x if self.downsample is None else self.downsample(x)
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        if self.bottleneck:
            h = self.bn3(self.conv3(self.relu(h)))
        return self.relu(h + shortcut)


class PlainResNet(nn.Module):
    """Stem, four stages, average, linear head.

    Args:
        depths: Blocks in each stage.
        bottleneck: Which block.
        classes: Outputs.
        width: Channels of the stem and inside the first stage.
        channels: Input channels.
    """

    def __init__(
        self, depths: tuple[int, ...], bottleneck: bool, classes: int = 1000, width: int = 64, channels: int = 3
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        given = width
        self.stages = len(depths)
        for stage, depth in enumerate(depths):
            inner = width * 2**stage
            blocks = []
            for index in range(depth):
                blocks.append(Block(given, inner, 2 if stage and index == 0 else 1, bottleneck))
                given = inner * 4 if bottleneck else inner
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(given, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W)
        """Return the logits, ``(B, classes)``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))
