// A table of a list of the API: columns as data, an empty state, and the next page. In narrow windows a
// row becomes a card whose cells carry the column's name. For very many rows see wave/rows.tsx.
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Answer } from '../api/client';
import { useMedia } from '../lib/media';
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

const STACKED_PX = 720;

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  /** undefined: not there yet. */
  rows: T[] | undefined;
  rowKey: (row: T) => string | number;
  empty: ReactNode;
  /** Rows are cards in windows as narrow as this. */
  stacked?: number;
  error?: unknown;
  retry?: () => void;
  more?: { has: boolean; loading: boolean; load: () => void };
}

type Paged<T> = UseInfiniteQueryResult<InfiniteData<Answer<T[]>>>;

/** Of a list that comes page by page: what has come … */
export const rowsOf = <T,>(list: Paged<T>) => list.data?.pages.flatMap((page) => page.data);

/** … and what its table is told besides. */
export const pagedProps = (list: Paged<unknown>) => ({
  error: list.error,
  retry: () => void list.refetch(),
  more: { has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() },
});

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

export function Table<T>({ caption, columns, rows, rowKey, empty, stacked = STACKED_PX, error, retry, more }: Props<T>) {
  const { t } = useTranslation();
  const cards = useMedia(`(max-width: ${stacked}px)`);
  // As cards they are no table to the browser any more, but they are to the person.
  const role = (name: string) => (cards ? name : undefined);
  if (error && !rows) return <Problem error={error} retry={retry} />;
  return (
    <div className="card table-card">
      {rows?.length === 0 ? (
        empty
      ) : (
        <table className={cards ? 'table stacked' : 'table'} role={role('table')} aria-busy={!rows}>
          <caption className="visually-hidden">{caption}</caption>
          <thead role={role('rowgroup')}>
            <tr role={role('row')}>
              {columns.map((c) => (
                <th key={c.key} scope="col" role={role('columnheader')} className={c.className}>
                  {c.header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role={role('rowgroup')}>
            {!rows && <Waiting columns={columns.length} />}
            {rows?.map((row) => (
              <tr key={rowKey(row)} role={role('row')}>
                {columns.map((c) => (
                  <td key={c.key} role={role('cell')} className={c.className} data-label={c.label}>
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
