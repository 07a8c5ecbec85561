// The projects: pasted, or a file dropped in. Count, duplicates and bad lines stand below before anything
// is sent.
import { FileUp, ListX } from 'lucide-react';
import { type DragEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { number } from '../i18n/format';
import { type ProjectList, withoutBad } from '../lib/projects';
import { Button } from '../ui/button';
import { Field } from '../ui/field';

const SHOWN = 5;
/** A larger file is not put into the field: typing in it would stall. */
const SHOWN_BYTES = 1 << 20;

interface Props {
  text: string;
  onChange: (text: string) => void;
  list: ProjectList;
}

interface FileRead {
  name: string;
  hidden: boolean;
}

function Findings({ list, drop }: { list: ProjectList; drop: () => void }) {
  const { t } = useTranslation('new');
  const { projects, duplicates, bad } = list;
  return (
    <div className="findings" role="status">
      <p>
        <b>{t('projectCount', { count: projects.length, n: number(projects.length) })}</b>
        {list.csv && <span className="muted"> · {t('readAsTable')}</span>}
        {duplicates.length > 0 && <span className="warn"> · {t('duplicates', { count: duplicates.length, n: number(duplicates.length) })}</span>}
        {bad.length > 0 && <span className="bad"> · {t('badLines', { count: bad.length, n: number(bad.length) })}</span>}
      </p>
      {list.commas && <p className="warn">{t('commas')}</p>}
      {duplicates.length > 0 && (
        <ul>
          {duplicates.slice(0, SHOWN).map((d) => (
            <li key={d.line}>{t('duplicate', { line: number(d.line), first: number(d.first), name: d.name })}</li>
          ))}
          {duplicates.length > SHOWN && <li>{t('common:more', { count: duplicates.length - SHOWN })}</li>}
        </ul>
      )}
      {bad.length > 0 && (
        <>
          <ul className="bad">
            {bad.slice(0, SHOWN).map((b) => (
              <li key={b.line}>{t('badLine', { line: number(b.line), why: t(`bad.${b.reason}`) })} <code>{b.text}</code></li>
            ))}
            {bad.length > SHOWN && <li>{t('common:more', { count: bad.length - SHOWN })}</li>}
          </ul>
          <Button icon={ListX} onClick={drop}>{t('dropBad')}</Button>
        </>
      )}
    </div>
  );
}

export function Projects({ text, onChange, list }: Props) {
  const { t } = useTranslation('new');
  const [file, setFile] = useState<FileRead | null>(null);
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);

  const take = async (chosen: File | undefined) => {
    if (!chosen) return;
    if (picker.current) picker.current.value = ''; // the same file, mended, is chosen again
    onChange(await chosen.text());
    setFile({ name: chosen.name, hidden: chosen.size > SHOWN_BYTES });
  };
  const onDrop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    void take(e.dataTransfer.files[0]);
  };
  const clear = () => {
    setFile(null);
    onChange('');
  };
  const dropBad = () => onChange(withoutBad(text, list.bad));

  return (
    <div
      className={over ? 'drop over' : 'drop'}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      {file?.hidden ? (
        <div className="field">
          <span className="label">{t('projects')}</span>
          <div className="file">
            <code>{file.name}</code>
            <Button onClick={clear}>{t('otherList')}</Button>
          </div>
        </div>
      ) : (
        <Field label={t('projects')} hint={t('projectsHint')}>
          {(c) => <textarea {...c} rows={7} spellCheck={false} value={text} onChange={(e) => onChange(e.target.value)} placeholder={t('projectsExample')} />}
        </Field>
      )}
      <div className="drop-foot">
        <input ref={picker} type="file" accept=".csv,.txt,.tsv,text/plain,text/csv" hidden onChange={(e) => void take(e.target.files?.[0])} />
        <Button icon={FileUp} onClick={() => picker.current?.click()}>{t('chooseFile')}</Button>
        {file && !file.hidden && <span className="muted">{file.name}</span>}
      </div>
      {text.trim() !== '' && <Findings list={list} drop={dropBad} />}
    </div>
  );
}
