// The same project once more, in another wave.
import { useQuery } from '@tanstack/react-query';
import { FolderInput, Layers } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { get } from '../api/client';
import type { MigrationDetails } from '../api/migrations';
import type { Wave } from '../api/types';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Empty } from '../ui/empty';
import { Field } from '../ui/field';
import { Problem } from '../ui/problem';

const LISTED = 500;

interface Props {
  m: MigrationDetails;
  submit: (body: object) => void;
  onClose: () => void;
}

export function AddToWave({ m, submit, onClose }: Props) {
  const { t } = useTranslation('migration');
  const { data, error } = useQuery({
    queryKey: ['waves-all'],
    queryFn: () => get<Wave[]>('/api/waves', { limit: LISTED }),
  });
  const waves = data?.filter((w) => w.kind === m.kind && w.id !== m.wave.id && w.state !== 'planning');
  const [chosen, setChosen] = useState('');
  const wave = chosen || waves?.[0]?.id;
  return (
    <Dialog
      title={t('act.add.ask', { name: m.mb_project_uuid })}
      shape="narrow"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('common:cancel')}</Button>
          <Button look="primary" type="submit" form="add-to-wave" icon={FolderInput} disabled={!wave}>{t('act.add.name')}</Button>
        </>
      }
    >
      <Problem error={error} />
      {waves?.length === 0 && <Empty icon={Layers} title={t('act.add.none')}>{t('act.add.noneText')}</Empty>}
      <form
        id="add-to-wave"
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (wave) submit({ wave_id: wave });
        }}
      >
        {!!waves?.length && (
          <>
            <p>{t('act.add.text')}</p>
            <Field label={t('fact.wave')}>
              {(c) => (
                <select {...c} value={wave} onChange={(e) => setChosen(e.target.value)} data-autofocus autoFocus>
                  {waves.map((w) => (
                    <option key={w.id} value={w.id}>{w.name} · {t(`common:state.${w.state}`)}</option>
                  ))}
                </select>
              )}
            </Field>
          </>
        )}
      </form>
    </Dialog>
  );
}
