// The states of waves and migrations as badges: a word and a colour, never the colour alone.
import { useTranslation } from 'react-i18next';

const looks: Record<string, string> = {
  completed: 'good',
  running: 'busy', in_progress: 'busy', parked: 'busy',
  retrying: 'warn', paused: 'warn',
  failed: 'bad', error: 'bad',
};

/** `state` is the exact one where the API tells it, else the status. */
export function Status({ state }: { state: string }) {
  const { t } = useTranslation();
  return <span className={`badge ${looks[state] ?? ''}`.trim()}>{t(`state.${state}`)}</span>;
}
