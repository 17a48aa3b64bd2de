import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const brotli = promisify(brotliCompress);
const gz = promisify(gzip);

/** Kinds of file that compress; pictures and fonts are packed already. */
const TEXT = /\.(?:js|css|html|svg|json|webmanifest)$/;

/** Below this a packet holds the file either way. */
const WORTH_IT_BYTES = 512;

async function filesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Writes `X.br` and `X.gz` beside every text file X of the build, at the highest level, so that the daemon serves them
 * from the binary as they are and no box ever spends processor time on compressing the page.
 */
export function precompress(): Plugin {
  let out = 'dist';
  return {
    name: 'heron-precompress',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        for (const file of (await filesUnder(out)).filter((name) => TEXT.test(name))) {
          const raw = await readFile(file);
          if (raw.length < WORTH_IT_BYTES) continue;
          const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length };
          const [br, gzipped] = await Promise.all([brotli(raw, { params }), gz(raw, { level: 9 })]);
          if (br.length < raw.length) await writeFile(`${file}.br`, br);
          if (gzipped.length < raw.length) await writeFile(`${file}.gz`, gzipped);
        }
      },
    },
  };
}
