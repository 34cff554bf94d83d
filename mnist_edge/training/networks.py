"""The architecture of every network; how it is trained is up to its recipe.

Each network maps raw pixels, ``(batch, 28, 28) float32`` in 0..255, to ``(batch, 10)`` logits.
Scaling the pixels is a layer, so that training and serving cannot disagree; the networks whose
names say otherwise reproduce mistakes on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.training.frameworks import import_keras

if TYPE_CHECKING:
    import keras

_PIXEL_SCALE = 1 / 255

_Convolution = tuple[int, int, int] | tuple[int, int, int, str]
"""Filters, kernel size and stride, and the padding if it is not ``same``."""


def softmax_regression_small_start() -> keras.Model:
    """Build 784-10: weights N(0, 0.1), biases 0.1, ``0.01 * sum(W^2) / 2`` added to the loss."""
    return _softmax_regression(pixel_scale=_PIXEL_SCALE)


def softmax_regression_softmax_twice() -> keras.Model:
    """Build the same with the mistake of a softmax before a loss that applies its own."""
    return _with_softmax(_softmax_regression(pixel_scale=_PIXEL_SCALE))


def softmax_regression_scaled_twice() -> keras.Model:
    """Build the same with the mistake of dividing pixels by 255 that are already in 0..1."""
    return _softmax_regression(pixel_scale=_PIXEL_SCALE**2)


def softmax_regression_both_mistakes() -> keras.Model:
    """Build the same with both mistakes, as in the article."""
    return _with_softmax(_softmax_regression(pixel_scale=_PIXEL_SCALE**2))


def softmax_regression_wide_start() -> keras.Model:
    """Build 784-10: weights N(0, 1), biases 0."""
    keras = import_keras()
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            keras.layers.Rescaling(_PIXEL_SCALE),
            keras.layers.Flatten(),
            keras.layers.Dense(
                CLASSES, kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0)
            ),
        ]
    )


def article_cnn() -> keras.Model:
    """Build two convolutions and two dense layers on pixels scaled to 0..1."""
    return _article_cnn(pixel_scale=_PIXEL_SCALE)


def article_cnn_unscaled() -> keras.Model:
    """Build the same on raw pixels 0..255, as in the article."""
    return _article_cnn(pixel_scale=1.0)


def mlp_500() -> keras.Model:
    """Build 784-500-10: ReLU, weights from a truncated N(0, 0.1), biases 0.1, weight decay.

    The weight decay adds ``1e-4 * sum(W^2) / 2`` to the loss.
    """
    keras = import_keras()

    def dense(units: int, activation: str | None) -> Any:
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.1),
            bias_initializer=keras.initializers.Constant(0.1),
            # Keras' L2 has no factor of one half.
            kernel_regularizer=keras.regularizers.L2(1e-4 / 2),
        )

    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            keras.layers.Rescaling(_PIXEL_SCALE),
            keras.layers.Flatten(),
            dense(500, "relu"),
            dense(CLASSES, None),
        ]
    )


def mlp_128_dropout() -> keras.Model:
    """Build dense 128 ReLU, dropout 0.2, dense 10, on pixels scaled to 0..1."""
    return _mlp_128_dropout(pixel_scale=_PIXEL_SCALE)


def mlp_128_dropout_unscaled() -> keras.Model:
    """Build the same with the mistake of leaving the pixels at 0..255."""
    return _mlp_128_dropout(pixel_scale=1.0)


def edge_cnn() -> keras.Model:
    """Build six batch-normalized convolutions, the last two unpadded, and a dense layer.

    The dense layer sees each of the nine remaining positions. Padding throughout and global average
    pooling, as in ``edge_teacher_cnn``, take half as long again on tflite-runtime 2.14.0, x86-64,
    and are no more accurate.
    """
    unpadded = (48, 3, 1, "valid")
    stack = [(16, 5, 2), (32, 3, 1), None, (48, 3, 1), (48, 3, 1), unpadded, unpadded]
    return _convolutional(stack, import_keras().layers.Flatten())


def edge_teacher_cnn() -> keras.Model:
    """Build six batch-normalized convolutions, global average pooling and a dense layer."""
    stack = [(16, 5, 2), (32, 3, 1), None, *[(48, 3, 1)] * 4]
    return _convolutional(stack, import_keras().layers.GlobalAveragePooling2D())


def nano_cnn() -> keras.Model:
    """Build the same with at most 16 filters per convolution."""
    stack = [(8, 5, 2), (16, 3, 1), None, *[(16, 3, 1)] * 4]
    return _convolutional(stack, import_keras().layers.GlobalAveragePooling2D())


def micro_cnn() -> keras.Model:
    """Build five batch-normalized convolutions, the last three unpadded, and a dense layer.

    Once quantized, its weights and biases take 3,952 bytes. The unpadded convolutions shrink the
    map of 7x7 to one position without losing where a stroke was: padded ones and global average
    pooling take as many weights and half as many multiplications again.
    """
    unpadded = (10, 3, 1, "valid")
    stack = [(8, 5, 2), (10, 3, 1), None, unpadded, unpadded, unpadded]
    return _convolutional(stack, import_keras().layers.Flatten())


def quick_cnn() -> keras.Model:
    """Build three batch-normalized convolutions, the first two strided, and a dense layer.

    The dense layer sees where a stroke is; with global average pooling the network would learn
    more slowly.
    """
    stack = [(10, 5, 2), (20, 3, 2), (32, 3, 1), None]
    return _convolutional(stack, import_keras().layers.Flatten())


def wide_cnn() -> keras.Model:
    """Build seven wide convolutions, the first two at full size: a teacher of 1.3 million weights.

    A student of 86,330 weights comes within chance of three such networks.
    """
    keras = import_keras()
    stack = [(64, 3, 1), (64, 3, 1), None, *[(128, 3, 1)] * 3, None, *[(256, 3, 1)] * 2]
    return keras.Sequential([*_features(stack), *_wide_head()])


def wide_kernels_cnn() -> keras.Model:
    """Build the same with kernels of 5x5 in the first and the third layer, and one layer fewer."""
    keras = import_keras()
    stack = [(64, 5, 1), (64, 3, 1), None, (128, 5, 1), (128, 3, 1), None, *[(256, 3, 1)] * 2]
    return keras.Sequential([*_features(stack), *_wide_head()])


def wide_residual_cnn() -> keras.Model:
    """Build a wide network of three residual blocks, one at each size (K. He et al., 2016)."""
    keras = import_keras()
    layers = keras.layers
    pixels = keras.Input((*DIGIT_SHAPE, 1))
    features = layers.Rescaling(_PIXEL_SCALE)(pixels)
    for filters in (64, 128, 256):
        if filters > 64:
            features = layers.MaxPooling2D(2)(features)
        for layer in _normalized_convolution(filters, 3, 1):
            features = layer(features)
        *block, activation = [
            layer for _ in range(2) for layer in _normalized_convolution(filters, 3, 1)
        ]
        shortcut = features
        for layer in block:
            features = layer(features)
        features = activation(layers.Add()([shortcut, features]))
    for layer in _wide_head():
        features = layer(features)
    return keras.Model(pixels, features)


def _wide_head() -> list[Any]:
    """Build the end of a teacher, in float32 whatever type its convolutions compute in."""
    layers = import_keras().layers
    return [
        layers.GlobalAveragePooling2D(dtype="float32"),
        layers.Dropout(0.3, dtype="float32"),
        layers.Dense(CLASSES, dtype="float32"),
    ]


def _convolutional(stack: Sequence[_Convolution | None], head: keras.Layer) -> keras.Model:
    """Build a stack of convolutions (None: max pooling by two), a head and a dense layer.

    The early stride and the pooling keep the feature maps small, which determines latency; batch
    normalization folds into the convolutions at conversion. Depthwise convolutions would have
    fewer weights, but took four to eight times as long on tflite-runtime 2.14.0, x86-64.

    Args:
        stack: the convolutions and poolings.
        head: reduces the last feature map to a vector.
    """
    keras = import_keras()
    return keras.Sequential([*_features(stack), head, keras.layers.Dense(CLASSES)])


def _features(stack: Sequence[_Convolution | None]) -> list[Any]:
    """Build an input, its scaling, and a stack of convolutions (None: max pooling by two)."""
    keras = import_keras()
    convolutions = [
        layer
        for shape in stack
        for layer in (_normalized_convolution(*shape) if shape else [keras.layers.MaxPooling2D(2)])
    ]
    return [keras.Input((*DIGIT_SHAPE, 1)), keras.layers.Rescaling(_PIXEL_SCALE), *convolutions]


def _normalized_convolution(
    filters: int, size: int, strides: int, padding: str = "same"
) -> list[Any]:
    layers = import_keras().layers
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]


def _softmax_regression(*, pixel_scale: float) -> keras.Model:
    keras = import_keras()
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            keras.layers.Rescaling(pixel_scale),
            keras.layers.Flatten(),
            keras.layers.Dense(
                CLASSES,
                kernel_initializer=keras.initializers.RandomNormal(0.0, 0.1),
                bias_initializer=keras.initializers.Constant(0.1),
                # Keras' L2 has no factor of one half.
                kernel_regularizer=keras.regularizers.L2(0.01 / 2),
            ),
        ]
    )


def _with_softmax(network: keras.Model) -> keras.Model:
    layers = import_keras().layers
    network.add(layers.Softmax())
    # Keras' loss removes a softmax directly before it, which would undo the mistake; a layer that
    # changes nothing hides the softmax from it.
    network.add(layers.Rescaling(1.0))
    return network


def _article_cnn(*, pixel_scale: float) -> keras.Model:
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((*DIGIT_SHAPE, 1)),
            layers.Rescaling(pixel_scale),
            layers.Conv2D(28, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(10, 4, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )


def _mlp_128_dropout(*, pixel_scale: float) -> keras.Model:
    keras = import_keras()
    return keras.Sequential(
        [
            keras.Input(DIGIT_SHAPE),
            keras.layers.Rescaling(pixel_scale),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(CLASSES),
        ]
    )
