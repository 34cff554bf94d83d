// @title@: a reader of handwritten digits. In a browser or in node, from its WebAssembly:
//   const reader = await openReader(await (await fetch("digit.wasm")).arrayBuffer());
//   reader.read(gray, width, height)  ->  { digit: 7, confidence: 0.998, abstained: null }
const ABSTAINED = [null, "blank", "not-one-digit", "low-confidence"];

export async function openReader(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const c = instance.exports;
  const picture = new Uint8Array(c.memory.buffer, c.picture_buffer(), c.picture_size());
  const logits = new @array@(c.memory.buffer, c.logits_buffer(), 10);
  const give = (gray, width, height) => {
    if (gray.length !== width * height || gray.length > picture.length) {
      throw new RangeError(`${gray.length} bytes are no picture of ${width} x ${height}`);
    }
    picture.set(gray);
  };
  const check = (status) => {
    if (status < 0) throw new RangeError("a side of the picture is out of range");
    return status;
  };
  return {
    // The digit in a gray picture, a byte a pixel; digit is null where the model abstains.
    read(gray, width, height) {
      give(gray, width, height);
      const abstained = ABSTAINED[check(c.read_picture(width, height))];
      const digit = abstained ? null : c.found_digit();
      return { digit, confidence: c.found_confidence() / 1000, abstained };
    },
    // The 28 x 28 pixels that the model sees of a picture.
    normalize(gray, width, height) {
      give(gray, width, height);
      check(c.normalize_picture(width, height));
      return picture.slice(0, 784);
    },
    // Ten integer logits of 28 x 28 pixels.
    run(pixels) {
      give(pixels, 28, 28);
      c.run_pixels();
      return Array.from(logits);
    },
  };
}
