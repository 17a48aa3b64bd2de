import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

interface Budget {
  /** Most bytes, gzipped, that the first view may take. */
  bytes: number;
  /** Modules that the first view needs; what they import at once is counted with them. */
  chunks: string[];
}

/**
 * Fails the build when the first view (page, style sheet, scripts and the longest language, each gzipped as it travels)
 * outgrows its budget, and says what it weighs otherwise.
 */
export function firstViewBudget(budget: Budget): Plugin {
  return {
    name: 'heron-first-view-budget',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const needed = new Set<string>();
        const need = (name: string): void => {
          if (needed.has(name)) return;
          needed.add(name);
          const output = bundle[name];
          if (output?.type === 'chunk') output.imports.forEach(need);
        };
        const languages: [string, number][] = [];
        for (const [name, output] of Object.entries(bundle)) {
          if (output.type === 'asset') {
            if (/\.(?:css|html)$/.test(name)) needed.add(name);
            continue;
          }
          const module = output.facadeModuleId ?? '';
          if (budget.chunks.some((chunk) => module.endsWith(chunk)) || output.isEntry) need(name);
          if (module.includes('/i18n/')) languages.push([name, gzipSync(output.code, { level: 9 }).length]);
        }
        const longest = languages.toSorted((a, b) => b[1] - a[1])[0];
        if (longest) need(longest[0]);
        let total = 0;
        for (const name of needed) {
          const output = bundle[name];
          if (!output) continue;
          const size = gzipSync(output.type === 'chunk' ? output.code : output.source, { level: 9 }).length;
          total += size;
          this.info(`${(size / 1000).toFixed(1).padStart(7)} kB  ${name}`);
        }
        const verdict = `first view: ${(total / 1000).toFixed(1)} kB gzipped of ${(budget.bytes / 1000).toFixed(0)} kB allowed`;
        if (total > budget.bytes) this.error(`${verdict}; load what it does not need lazily`);
        this.info(verdict);
      },
    },
  };
}
