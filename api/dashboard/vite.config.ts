import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the sources and passes calls on to a wavefleet-api that runs already.
const server = process.env.WAVEFLEET_URL ?? 'http://127.0.0.1:8088';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: process.env.DASHBOARD_OUT ?? '../../build/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    // Everything comes from the origin as a file of its own: the Content-Security-Policy allows nothing else.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': server, '/metrics': server } },
  test: { environment: 'node', include: ['test/**/*.test.ts'], reporters: ['default', './test/counted.ts'] },
});
