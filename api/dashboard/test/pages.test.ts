// What pages of migrations and dead letters reckon by themselves.
import { describe, expect, it } from 'vitest';
import { narrows, wishOf } from '../src/api/dead';
import { sinceOf } from '../src/dead/filters';
import { share } from '../src/migrations/process';
import { address } from '../src/ui/outside';

describe('what is asked of many dead letters', () => {
  it('is all of them only where nothing narrows', () => {
    expect(wishOf({ wave: '', class: '', text: '', since: '' })).toEqual({ all: true });
    expect(narrows({ wave: '', text: undefined })).toBe(false);
  });
  it('is a filter of what was chosen and nothing else', () => {
    expect(wishOf({ wave: '', class: 'data', text: 'x', since: '' })).toEqual({ filter: { class: 'data', text: 'x' } });
    expect(narrows({ text: 'x' })).toBe(true);
  });
  it('begins at a whole minute, so that the list stays the same list for so long', () => {
    const noon = Date.parse('2026-03-01T12:00:40Z');
    expect(sinceOf('hour', noon)).toBe('2026-03-01T11:00:00.000Z');
    expect(sinceOf('hour', noon + 19_000)).toBe(sinceOf('hour', noon));
    expect(sinceOf('week', noon)).toBe('2026-02-22T12:00:00.000Z');
    expect(sinceOf('', noon)).toBe('');
    expect(sinceOf('for ever', noon)).toBe('');
  });
});

describe('how far a migration is', () => {
  it('is its percent, within bounds', () => {
    expect(share({ percent: 40 })).toBe(40);
    expect(share({ percent: 140 })).toBe(100);
    expect(share({ percent: -3 })).toBe(0);
  });
  it('is reckoned where only counts are told', () => {
    expect(share({ total: 8, done: 2 })).toBe(25);
    expect(share({ total: 8 })).toBe(0);
  });
  it('is not known where nothing is told', () => {
    expect(share(null)).toBeNull();
    expect(share({ stage: 'pages' })).toBeNull();
    expect(share({ total: 0, done: 0 })).toBeNull();
  });
});

describe('the address of a migrated site', () => {
  it('is https where only a domain is told', () => {
    expect(address('shop.example')).toBe('https://shop.example/');
    expect(address('http://shop.example/a')).toBe('http://shop.example/a');
  });
  it('is no link where it is anything else', () => {
    expect(address('javascript://alert(1)')).toBeNull();
    expect(address('data:text/html,x')).toBeNull();
    expect(address('no domain at all')).toBeNull();
  });
});
