// The wave's report, saved in the form that is wanted.
import { FileDown } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { download, segment } from '../api/client';
import type { Wave } from '../api/types';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Problem } from '../ui/problem';

const forms = ['html', 'csv', 'json'] as const;

export function Report({ wave, onClose }: { wave: Wave; onClose: () => void }) {
  const { t } = useTranslation('wave');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const save = async (form: (typeof forms)[number]) => {
    setBusy(true);
    setError(null);
    try {
      await download(`/api/waves/${segment(wave.id)}/report?format=${form}`, `wave-${wave.id}.${form}`);
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t('report.title')} shape="narrow" onClose={onClose}>
      <p className="muted">{t(wave.completed_at ? 'report.text' : 'report.partial')}</p>
      <Problem error={error} />
      <div className="report-forms">
        {forms.map((form) => (
          <Button key={form} icon={FileDown} disabled={busy} onClick={() => void save(form)}>{t(`report.${form}`)}</Button>
        ))}
      </div>
    </Dialog>
  );
}
