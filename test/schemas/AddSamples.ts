/**
 * Writes samples of what has none yet, or of variants that no sample shows: look at them, then
 * commit them. `deno run --allow-all test/schemas/AddSamples.ts`. It never changes a file.
 */
import { Schema } from "effect";
import { kinds } from "./Contract.ts";
import * as Draft from "./Draft.ts";
import * as Golden from "./Golden.ts";
import { missing } from "./Variants.ts";

for (const [kind, shapes] of Object.entries(kinds)) {
  for (const [tag, shape] of Object.entries(shapes)) {
    const files = Golden.files().filter((file) => file.kind === kind && file.tag === tag);
    const known = files.flatMap(Golden.samplesOf);
    if (known.length > 0 && missing(shape.ast, known).length === 0) continue;
    const samples = Draft.samples(tag, shape.ast, known);
    const decode = Schema.decodeUnknownSync(shape, { onExcessProperty: "error" });
    for (const sample of samples) decode(sample);
    Deno.stdout.writeSync(new TextEncoder().encode(`${Golden.add(kind, tag, samples)}\n`));
  }
}
