// The Khronos validator on each GLB file named: one line a file, and a failure on any error or warning.
//
//   node validate.mjs FILE.glb...

import { readFile } from "node:fs/promises";
import validator from "gltf-validator";

let failed = process.argv.length < 3;
if (failed) console.error("name the files to check");
for (const path of process.argv.slice(2)) {
  const { issues, info } = await validator.validateBytes(new Uint8Array(await readFile(path)));
  const { numErrors, numWarnings, numInfos, numHints } = issues;
  console.log(
    `${path}: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos, ${numHints} hints; ` +
      `${info.animationCount} animation, ${info.totalVertexCount} vertices, ${info.totalTriangleCount} triangles`,
  );
  for (const { code, message, pointer } of issues.messages) console.log(`  ${code} ${pointer}: ${message}`);
  failed ||= numErrors + numWarnings > 0;
}
process.exit(failed ? 1 : 0);
