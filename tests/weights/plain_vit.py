"""A vision transformer in plain PyTorch, whose tensors have timm's names."""

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        # One row of the fused map: first all queries, head after head, then all keys, then all values
        parts = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-1, -2) / (width // self.heads) ** 0.5).softmax(-1)
        return self.proj((weights @ value).transpose(1, 2).reshape(batch, tokens, width))


class Scale(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(width))

    def forward(self, x):
        return x * self.gamma


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, bias: bool, scaled: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, bias)
        self.ls1 = Scale(width) if scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, hidden)
        self.ls2 = Scale(width) if scaled else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Patches(nn.Module):
    def __init__(self, channels: int, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class PlainViT(nn.Module):
    """As timm builds it: class token or mean of the patches, distillation token, layer scale.

    Args:
        grid: Rows and columns of patches.
        patch: Side of a patch.
        width: Channels of a token.
        heads: Heads.
        tokens: Tokens in front of the patches; the second is the distillation token.
        token_positions: Whether they have positions.
        mean: Whether the mean of the patches is classified, normalised behind the pooling.
        bias: Whether queries, keys and values have biases.
        scaled: Whether there is layer scale.
        classes: Outputs.
    """

    def __init__(
        self,
        grid=(2, 2),
        *,
        patch=4,
        width=8,
        heads=2,
        tokens=1,
        token_positions=True,
        mean=False,
        bias=True,
        scaled=False,
        classes=3,
    ):
        super().__init__()
        self.tokens, self.token_positions, self.mean = tokens, token_positions, mean
        self.patch_embed = Patches(3, width, patch)
        names = ("cls_token", "dist_token")[:tokens]
        for name in names:
            setattr(self, name, nn.Parameter(torch.randn(1, 1, width)))
        self.names = names
        self.pos_embed = nn.Parameter(torch.randn(1, grid[0] * grid[1] + tokens * token_positions, width))
        self.blocks = nn.ModuleList(Block(width, heads, 12, bias, scaled) for _ in range(2))
        self.norm = nn.Identity() if mean else nn.LayerNorm(width, eps=1e-6)
        self.fc_norm = nn.LayerNorm(width, eps=1e-6) if mean else nn.Identity()
        self.head = nn.Linear(width, classes)
        self.head_dist = nn.Linear(width, classes) if tokens == 2 else None

    def forward(self, x):
        x = self.patch_embed(x)
        front = [getattr(self, name).expand(len(x), -1, -1) for name in self.names]
        if self.token_positions:
            x = torch.cat([*front, x], 1) + self.pos_embed
        else:
            x = torch.cat([*front, x + self.pos_embed], 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        logits = self.head(self.fc_norm(x[:, self.tokens :].mean(1) if self.mean else x[:, 0]))
        return logits if self.head_dist is None else (logits + self.head_dist(x[:, 1])) / 2
