// The webhook by which the migration server tells the end: where it goes, and what came.
import { Webhook as Icon } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type MigrationDetails, useWebhookInfo } from '../api/migrations';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Time } from '../ui/time';

const looks: Record<string, string> = { settled: 'good', late: 'warn' };

export function WebhookPanel({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  const { data, error, refetch } = useWebhookInfo(m.ref);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!data) return <div className="skeleton" />;
  const newest = [...data.webhook_logs].reverse();
  return (
    <div className="panel">
      <dl className="facts">
        <div><dt>{t('webhook.registered')}</dt><dd>{t(data.webhook_registered ? 'yes' : 'no')}</dd></div>
        <div><dt>{t('webhook.received')}</dt><dd><Time at={data.webhook_received_at} /></dd></div>
        <div className="wide"><dt>{t('webhook.url')}</dt><dd><code>{data.webhook_url}</code></dd></div>
      </dl>
      {!newest.length && <Empty icon={Icon} title={t('webhook.none')}>{t('webhook.noneText')}</Empty>}
      <ul className="calls">
        {newest.map((call) => (
          <li key={call.id}>
            <details>
              <summary>
                <span className={`badge ${looks[call.verdict] ?? ''}`}>{t(`webhook.verdict.${call.verdict}`)}</span>
                <Time at={call.at} />
                <span className="muted">{t('common:attempt.number', { n: call.attempt })}</span>
              </summary>
              <pre>{typeof call.body === 'string' ? call.body : JSON.stringify(call.body, null, 2)}</pre>
            </details>
          </li>
        ))}
      </ul>
    </div>
  );
}
