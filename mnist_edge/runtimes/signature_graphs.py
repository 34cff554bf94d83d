"""Run a graph of a ``.tflite`` file other than its first.

The converters of TensorFlow and of LiteRT write one graph for each signature of a model, and a
runtime runs the first one unless it is asked for another by name. Which of them reads digits is
found by trying, so each is made the first in turn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable
from mnist_edge.runtimes.numpy_backend.tflite_schema import ModelFields, SignatureFields


def other_signatures(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a file once for each signature of a graph that is not its first one.

    Args:
        content: the bytes of a ``.tflite`` file.

    Yields:
        The name of a signature, and the file with that signature's graph in place of the first one
        and without signatures.

    Raises:
        InvalidModel: something lies outside the file.
    """
    model = FlatbufferTable.root(content)
    graphs = model.tables(ModelFields.SUBGRAPHS)
    places = [model.vector_place(field) for field in _VECTORS]
    for signature in model.tables(ModelFields.SIGNATURE_DEFS):
        number = signature.scalar(SignatureFields.SUBGRAPH_INDEX)
        if not 0 < number < len(graphs) or graphs[number].place >= len(content):
            continue
        changed = bytearray(content)
        first_graph, first_signature = (place + 4 for place in places if place is not None)
        # A vector of tables holds the distance to each; a length of 0 leaves none.
        struct.pack_into("<I", changed, first_graph, graphs[number].place - first_graph)
        struct.pack_into("<I", changed, first_signature - 4, 0)
        name = signature.array(SignatureFields.KEY).tobytes().decode(errors="replace")
        yield name, bytes(changed)


_VECTORS = (ModelFields.SUBGRAPHS, ModelFields.SIGNATURE_DEFS)
