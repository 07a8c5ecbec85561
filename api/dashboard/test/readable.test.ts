import { describe, expect, it } from 'vitest';
import { readable } from '../src/lib/readable';

describe('a log line', () => {
  it('keeps what is no sequence', () => {
    expect(readable('\tплан [31m] – 50 % ✓')).toBe('\tплан [31m] – 50 % ✓');
  });
  it('loses colours, cursor moves, titles and links', () => {
    expect(readable('\u001b[1;31mred\u001b[0m and \u001b]0;title\u0007blue\u001b[2J\u001b[H')).toBe('red and blue');
    expect(readable('\u001b]8;;http://x/\u001b\\link\u001b]8;;\u001b\\')).toBe('link');
    expect(readable('\u001b(B\u001b=plain\u001b[?25h')).toBe('plain');
  });
  it('shows a progress that was written over itself', () => {
    expect(readable('1 %\r50 %\r100 %')).toBe('1 % 50 % 100 %');
  });
  it('does not turn around', () => {
    expect(readable('rtl \u202egnp.exe')).toBe('rtl \uFFFDgnp.exe');
    expect(readable('bell\u0007, half \u001b')).toBe('bell\uFFFD, half \uFFFD');
  });
});
