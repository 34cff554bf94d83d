"""The page to draw on as one file that reads by itself, with the model as WebAssembly in it."""

from __future__ import annotations

import base64
import json

from converters.c.libraries import LIBRARIES, library_files
from converters.c.source import CSource
from mnist_edge.deployment.server.drawing_page import load_page
from mnist_edge.modelstore.manifest import ModelManifest

_MODULE = """\
<script type="module">
{library}
const content = Uint8Array.from(atob("{wasm}"), (letter) => letter.charCodeAt(0));
const reader = await openReader(content), {{ scale, temperature, about }} = {facts};
useReader({{
  read(gray, width, height) {{
    const answer = reader.read(gray, width, height);
    const pixels = reader.normalize(gray, width, height);
    const logits = reader.run(pixels), highest = Math.max(...logits);
    const weights = logits.map((logit) => Math.exp((logit - highest) * scale / temperature));
    const total = weights.reduce((sum, weight) => sum + weight);
    return {{ ...answer, pixels, probabilities: weights.map((weight) => weight / total) }};
  }},
}}, about);
</script>
</body>"""


def offline_page(source: CSource, manifest: ModelManifest) -> str:
    """Return the page that reads drawings without a server.

    Args:
        source: the model in C.
        manifest: its manifest.

    Raises:
        MissingDependency: clang, or its linker for WebAssembly, is not installed.
        ConversionError: clang does not compile the model.
    """
    files = library_files(LIBRARIES["wasm"], source, folder="wasm")
    library = files[f"{source.prefix}.js"].decode("ascii").replace("export ", "")
    facts = {
        "scale": manifest.output.scale,
        "temperature": manifest.temperature,
        "about": f"Model {source.prefix}, {manifest.size:,} bytes as TFLite; no digit is given "
        f"below {100 * manifest.min_confidence:.1f} %.",
    }
    module = _MODULE.format(
        library=library,
        wasm=base64.b64encode(files[f"{source.prefix}.wasm"]).decode("ascii"),
        facts=json.dumps(facts),
    )
    page, _ = load_page()
    return page.replace("<body>", '<body class="offline">').replace("</body>", module)
