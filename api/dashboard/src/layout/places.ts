import { Layers, ListChecks, type LucideIcon, Server, Settings, Skull } from 'lucide-react';

/** The pages of the navigation; "g" and the letter lead there. */
export const places: { to: string; key: string; letter: string; icon: LucideIcon }[] = [
  { to: '/wave', key: 'waves', letter: 'w', icon: Layers },
  { to: '/migrations', key: 'migrations', letter: 'm', icon: ListChecks },
  { to: '/fleet', key: 'fleet', letter: 'f', icon: Server },
  { to: '/dead', key: 'dead', letter: 'd', icon: Skull },
  { to: '/settings', key: 'settings', letter: 's', icon: Settings },
];
