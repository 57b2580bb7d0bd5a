"""torchvision's DenseNet and vision transformer, adapted to small images."""

import torchvision.models
from torch import nn


def densenet121(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """DenseNet-121 (Huang et al. 2017, arXiv:1608.06993) with one 3x3 convolution as its stem."""
    network = torchvision.models.DenseNet(
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        num_classes=num_classes,
    )
    network.features.conv0 = nn.Conv2d(input_shape[0], 64, 3, padding=1, bias=False)
    for stem in ("norm0", "relu0", "pool0"):
        delattr(network.features, stem)
    return network


def vision_transformer(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929): patch 2, 6 layers, width 512.

    Query, key and value projections have biases (6 x 3 x 512 = 9,216 parameters) that the network
    of the published study lacks.
    """
    network = torchvision.models.VisionTransformer(
        image_size=input_shape[1],
        patch_size=2,
        num_layers=6,
        num_heads=8,
        hidden_dim=512,
        mlp_dim=512,
        dropout=0.1,
        num_classes=num_classes,
        norm_layer=nn.LayerNorm,
    )
    network.conv_proj = nn.Conv2d(input_shape[0], 512, kernel_size=2, stride=2)
    return network


def initialise_embedding(network: torchvision.models.VisionTransformer) -> None:
    """Draw the embedding of a vision transformer as in the published study.

    The map from a patch to its token is a linear layer there, and so has standard deviation 1e-3;
    the class token and the positions are standard normal.
    """
    nn.init.normal_(network.conv_proj.weight, std=1e-3)
    nn.init.normal_(network.class_token)
    nn.init.normal_(network.encoder.pos_embedding)
