import type { Reporter, TestModule } from 'vitest/node';

/** One last line as scripts/test counts it: "65 passed, 0 failed in 1.2s". */
export default class Counted implements Reporter {
  private begun = Date.now();

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]) {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++;
        if (test.result().state === 'failed') failed++;
      }
    }
    console.log(`${passed} passed, ${failed} failed in ${((Date.now() - this.begun) / 1000).toFixed(1)}s`);
  }
}
