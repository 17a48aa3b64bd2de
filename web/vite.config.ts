import preact from '@preact/preset-vite';
import tailwind from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { firstViewBudget } from './build/budget.ts';
import { precompress } from './build/precompress.ts';

/** The daemon that `npm run dev` passes API calls and sockets on to. */
const daemon = process.env['HERON_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [
    preact(),
    tailwind(),
    // What a person must load before the first live picture, gzipped. The promise is 150 kB.
    firstViewBudget({ bytes: 150_000, chunks: ['src/main.tsx', 'src/pages/live.tsx'] }),
    precompress(),
  ],
  build: {
    target: 'es2022',
    manifest: false,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: {
      '/api': { target: daemon, changeOrigin: true, ws: true, secure: false },
      '/health': { target: daemon, changeOrigin: true, secure: false },
      '/docs': { target: daemon, changeOrigin: true, secure: false },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
