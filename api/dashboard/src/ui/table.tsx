// A table of a list of the API: columns as data, an empty state, and the next page. In narrow windows a
// row becomes a card whose cells carry the column's name. For very many rows see ui/virtual-table.tsx.
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Problem } from './problem';

export interface Column<T> {
  key: string;
  header: ReactNode;
  /** Shown beside the value where the table is a list of cards. */
  label?: string;
  className?: string;
  cell: (row: T) => ReactNode;
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  /** undefined: not there yet. */
  rows: T[] | undefined;
  rowKey: (row: T) => string | number;
  empty: ReactNode;
  error?: unknown;
  retry?: () => void;
  more?: { has: boolean; loading: boolean; load: () => void };
}

function Waiting({ columns }: { columns: number }) {
  return (
    <>
      {[0, 1, 2, 3, 4].map((row) => (
        <tr key={row}>
          {Array.from({ length: columns }, (_, i) => (
            <td key={i}>
              <div className="skeleton" />
            </td>
          ))}
        </tr>
      ))}
    </>
  );
}

export function Table<T>({ caption, columns, rows, rowKey, empty, error, retry, more }: Props<T>) {
  const { t } = useTranslation();
  if (error && !rows) return <Problem error={error} retry={retry} />;
  return (
    <div className="card table-card">
      {rows?.length === 0 ? (
        empty
      ) : (
        <table className="table stacked" aria-busy={!rows}>
          <caption className="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((c) => (
                <th key={c.key} scope="col" className={c.className}>
                  {c.header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {!rows && <Waiting columns={columns.length} />}
            {rows?.map((row) => (
              <tr key={rowKey(row)}>
                {columns.map((c) => (
                  <td key={c.key} className={c.className} data-label={c.label}>
                    {c.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {more?.has && (
        <div className="table-foot">
          <Button onClick={more.load} disabled={more.loading}>
            {more.loading ? t('loading') : t('loadMore')}
          </Button>
        </div>
      )}
    </div>
  );
}
