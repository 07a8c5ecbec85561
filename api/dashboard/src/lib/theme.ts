// Light, dark, or as the system says. The choice is an attribute of <html>; the style sheet does the rest.
import { useSyncExternalStore } from 'react';
import { useMedia } from './media';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const KEY = 'wavefleet.theme';
const listeners = new Set<() => void>();

export function theme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

/** Puts the stored choice on the page. */
export function applyTheme() {
  const chosen = theme();
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function setTheme(next: Theme) {
  localStorage.setItem(KEY, next);
  applyTheme();
  listeners.forEach((tell) => tell());
}

const watch = (tell: () => void) => {
  listeners.add(tell);
  return () => void listeners.delete(tell);
};

export const useTheme = (): Theme => useSyncExternalStore(watch, theme);

/** What is on the screen: for what draws on a canvas. */
export function useDark(): boolean {
  const chosen = useTheme();
  const system = useMedia('(prefers-color-scheme: dark)');
  return chosen === 'system' ? system : chosen === 'dark';
}
