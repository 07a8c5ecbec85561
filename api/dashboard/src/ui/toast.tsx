// Short news of what was done or refused, read out by screen readers. Those of success go by themselves.
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/reach';
import { useSentence } from './problem';

interface News {
  id: number;
  bad: boolean;
  text: string;
  requestId?: string | null;
}

export interface Toasts {
  done: (text: string) => void;
  failed: (error: unknown) => void;
}

const SHOWN_MS = 5000;
const AT_ONCE = 4;
const Context = createContext<Toasts>({ done: () => undefined, failed: () => undefined });

export const useToasts = () => useContext(Context);

let last = 0;

export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  const [news, setNews] = useState<News[]>([]);
  const drop = useCallback((id: number) => setNews((all) => all.filter((n) => n.id !== id)), []);
  const add = useCallback((item: Omit<News, 'id'>) => {
    const id = ++last;
    setNews((all) => [...all, { ...item, id }].slice(-AT_ONCE));
    if (!item.bad) setTimeout(() => drop(id), SHOWN_MS);
  }, [drop]);
  const toasts = useMemo<Toasts>(
    () => ({
      done: (text) => add({ bad: false, text }),
      failed: (error) => add({ bad: true, text: sentence(error), requestId: error instanceof ApiError ? error.requestId : null }),
    }),
    [add],
  );
  return (
    <Context value={toasts}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {news.map((n) => (
          <div key={n.id} className={n.bad ? 'toast bad' : 'toast good'}>
            {n.bad ? <CircleAlert size={18} aria-hidden /> : <CircleCheck size={18} aria-hidden />}
            <span>
              {n.text}
              {n.requestId && (
                <small>
                  {t('problem.requestId')} <code>{n.requestId}</code>
                </small>
              )}
            </span>
            <button type="button" aria-label={t('close')} onClick={() => drop(n.id)}>
              <X size={16} aria-hidden />
            </button>
          </div>
        ))}
      </div>
    </Context>
  );
}
