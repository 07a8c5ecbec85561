// What went wrong: the API's own sentence, what it names besides, and the id under which its log has it.
import { CircleAlert, RotateCw } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/reach';
import { Button } from './button';

const LISTED = 20;

export function useSentence() {
  const { t } = useTranslation();
  return (error: unknown): string => {
    if (error instanceof ApiError && error.status === 0) return t('problem.unreachable');
    return error instanceof Error ? error.message : String(error);
  };
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const sentence = useSentence();
  if (!error) return null;
  const api = error instanceof ApiError ? error : null;
  const more = (api?.errors.length ?? 0) - LISTED;
  return (
    <div className="problem" role="alert">
      <CircleAlert size={18} aria-hidden />
      <div>
        {sentence(error)}
        {api && api.errors.length > 0 && (
          <ul>
            {api.errors.slice(0, LISTED).map((e) => (
              <li key={e.pointer + e.detail}>
                <code>{e.pointer.replace(/^#\//, '')}</code> {e.detail}
              </li>
            ))}
            {more > 0 && <li>{t('more', { count: more })}</li>}
          </ul>
        )}
        {api?.requestId && (
          <small>
            {t('problem.requestId')} <code>{api.requestId}</code>
          </small>
        )}
      </div>
      {retry && <Button look="quiet" icon={RotateCw} label={t('retry')} onClick={retry} />}
    </div>
  );
}
