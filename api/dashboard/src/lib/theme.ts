// Light, dark, or as the system says. The choice is an attribute of <html>; the style sheet does the rest.
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'wavefleet.theme';
const listeners = new Set<() => void>();

export function theme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

function apply() {
  const chosen = theme();
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function setTheme(next: Theme) {
  localStorage.setItem(KEY, next);
  apply();
  listeners.forEach((tell) => tell());
}

export function startTheme() {
  apply();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => listeners.forEach((tell) => tell()));
}

const watch = (tell: () => void) => {
  listeners.add(tell);
  return () => void listeners.delete(tell);
};

export const useTheme = (): Theme => useSyncExternalStore(watch, theme);

/** What is on the screen: for what draws on a canvas. */
export const useDark = (): boolean =>
  useSyncExternalStore(watch, () => theme() === 'dark' || (theme() === 'system' && matchMedia('(prefers-color-scheme: dark)').matches));
