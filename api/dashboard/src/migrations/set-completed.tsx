// A person says that a migration is completed, whatever the system knows of it.
import { CircleCheck } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MigrationDetails } from '../api/migrations';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';

const DOMAIN_MAX = 255;

interface Props {
  m: MigrationDetails;
  submit: (body: object) => void;
  onClose: () => void;
}

export function SetCompleted({ m, submit, onClose }: Props) {
  const { t } = useTranslation('migration');
  const [domain, setDomain] = useState(m.brizy_project_domain ?? '');
  return (
    <Dialog
      title={t('act.complete.ask', { name: m.mb_project_uuid })}
      shape="narrow"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('common:cancel')}</Button>
          <Button look="primary" type="submit" form="set-completed" icon={CircleCheck}>{t('act.complete.name')}</Button>
        </>
      }
    >
      <form
        id="set-completed"
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          submit(domain.trim() ? { brizy_project_domain: domain.trim() } : {});
        }}
      >
        <p>{t('act.complete.text')}</p>
        <Field label={t('fact.domain')} hint={t('act.complete.domainHint')}>
          {(c) => <input {...c} value={domain} maxLength={DOMAIN_MAX} onChange={(e) => setDomain(e.target.value)} data-autofocus autoComplete="off" />}
        </Field>
      </form>
    </Dialog>
  );
}
