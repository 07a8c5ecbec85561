import { Braces, Copy } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Empty } from './empty';
import { useToasts } from './toast';

export function JsonView({ value, label }: { value: unknown; label: string }) {
  const { t } = useTranslation();
  const toasts = useToasts();
  if (value === null || value === undefined)
    return (
      <Empty icon={Braces} title={t('json.empty')}>
        {t('json.emptyText')}
      </Empty>
    );
  const text = JSON.stringify(value, null, 2);
  const copy = () => navigator.clipboard.writeText(text).then(() => toasts.done(t('copied')), toasts.failed);
  return (
    <div className="json">
      <pre tabIndex={0} aria-label={label}>{text}</pre>
      {window.isSecureContext && <Button look="quiet" icon={Copy} label={t('copy')} onClick={() => void copy()} />}
    </div>
  );
}
