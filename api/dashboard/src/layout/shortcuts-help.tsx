import { useTranslation } from 'react-i18next';
import { Dialog } from '../ui/dialog';
import { places } from './places';

export function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const rows: [string[], string][] = [
    ...places.map((p): [string[], string] => [['g', p.letter], t(`nav.${p.key}`)]),
    [['/'], t('shortcuts.search')],
    [['n'], t('shortcuts.new')],
    [['Esc'], t('shortcuts.close')],
    [['?'], t('shortcuts.title')],
  ];
  return (
    <Dialog title={t('shortcuts.title')} shape="narrow" onClose={onClose}>
      <table className="table">
        <tbody>
          {rows.map(([keys, text]) => (
            <tr key={text}>
              <td>{text}</td>
              <td className="end">
                {keys.map((k) => (
                  <kbd key={k}>{k}</kbd>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
