import { describe, expect, it } from 'vitest';
import { carriedOn, recentRate, type Throughput } from '../src/lib/buckets';
import { rate, type Sample, timeLeft, WINDOW_MS, withSample } from '../src/lib/rate';

const seen = (...all: [number, number][]) => all.reduce<Sample[]>((s, [at, done]) => withSample(s, { at, done }), []);

describe('rate', () => {
  it('is not told from one moment', () => {
    expect(rate([], 0)).toBeNull();
    expect(rate(seen([0, 5]), 100)).toBeNull();
  });
  it('is what finished a second', () => {
    expect(rate(seen([0, 0], [10_000, 50]), 10_000)).toBeCloseTo(5);
  });
  it('falls while nothing finishes', () => {
    const samples = seen([0, 0], [10_000, 50]);
    expect(rate(samples, 20_000)).toBeCloseTo(2.5);
    expect(rate(samples, 10_000 + WINDOW_MS)).toBeCloseTo(0);
  });
  it('forgets what is older than the window, but not the last before it', () => {
    const samples = seen([0, 0], [1000, 10], [2000, 20], [70_000, 30]);
    expect(samples.map((s) => s.at)).toEqual([2000, 70_000]);
  });
  it('begins anew where a restart took some back', () => {
    expect(seen([0, 10], [1000, 20], [2000, 5])).toEqual([{ at: 2000, done: 5 }]);
  });
});

describe('time left', () => {
  it('is nothing when nothing remains, and unknown without a rate', () => {
    expect(timeLeft(0, null)).toBe(0);
    expect(timeLeft(5, null)).toBeNull();
    expect(timeLeft(5, 0)).toBeNull();
  });
  it('is remaining by rate', () => {
    expect(timeLeft(30, 2)).toBe(15_000);
  });
});

describe('finished per minute', () => {
  const base: Throughput = {
    as_of: '', step_seconds: 60, from: '2026-01-01T00:00:00Z', until: '', completed: [1], failed: [0], cancelled: [0],
  };
  const at = (seconds: number) => Date.parse(base.from) + seconds * 1000;
  it('goes on in the bucket of the moment, and opens new ones', () => {
    const t = carriedOn(base, { completed: 1, failed: 0 }, { completed: 4, failed: 1 }, at(30));
    expect([t.completed, t.failed]).toEqual([[4], [1]]);
    expect(carriedOn(t, { completed: 4, failed: 1 }, { completed: 6, failed: 1 }, at(130)).completed).toEqual([4, 0, 2]);
    expect(base.completed).toEqual([1]);
  });
  it('takes nothing back and nothing before its time', () => {
    expect(carriedOn(base, { completed: 5, failed: 0 }, { completed: 2, failed: 0 }, at(1)).completed).toEqual([1]);
    expect(carriedOn(base, { completed: 0, failed: 0 }, { completed: 2, failed: 0 }, at(-5))).toBe(base);
  });
  it('tells the rate of the last two', () => {
    const t = { ...base, completed: [600, 30, 10], failed: [0, 0, 5], cancelled: [0, 0, 0] };
    expect(recentRate(t, 0, at(60 + 90))).toBeCloseTo(0.5);
    expect(recentRate(t, at(120), at(150))).toBeCloseTo(1.5); // a wave that began meanwhile
    expect(recentRate(t, at(149), at(150))).toBeNull();
  });
});
