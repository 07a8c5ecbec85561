// Log lines, as many as there are: only those in sight are in the document. It follows the end until the
// person scrolls up, and again once they are back at the end.
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDownToLine, ScrollText } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type LogSource, useLogs } from '../api/logs';
import { clock, number } from '../i18n/format';
import { readable } from '../lib/readable';
import { Button } from './button';
import { Empty } from './empty';
import { Problem } from './problem';

const LINE_PX = 20;
const NEAR_PX = 40;

export function LogView(source: LogSource & { running: boolean }) {
  const { t } = useTranslation();
  const { lines, error, pending, retry } = useLogs(source);
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  const toEnd = () => {
    setFollowing(true);
    if (lines.length) virtual.scrollToIndex(lines.length - 1, { align: 'end' });
  };
  useEffect(() => {
    if (following) toEnd();
  }, [lines.length, following]);
  const onScroll = () => {
    const b = box.current;
    if (b) setFollowing(b.scrollHeight - b.scrollTop - b.clientHeight < NEAR_PX);
  };

  if (error && !lines.length) return <Problem error={error} retry={retry} />;
  if (!pending && !lines.length)
    return (
      <Empty icon={ScrollText} title={t('log.empty')}>
        {t(source.running ? 'log.emptyRunning' : 'log.emptyText')}
      </Empty>
    );
  return (
    <div className="log">
      <div className="log-head">
        <span className="muted">{t('log.lines', { count: lines.length, n: number(lines.length) })}</span>
        <Button look="quiet" icon={ArrowDownToLine} aria-pressed={following} onClick={toEnd}>
          {t(following ? 'log.following' : 'log.follow')}
        </Button>
      </div>
      <div className="log-box" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" aria-label={t('log.title')}>
        <div className="log-all" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index]!;
            return (
              <div key={line.id} className="log-line" data-index={item.index} data-stream={line.stream} ref={virtual.measureElement} style={{ transform: `translateY(${item.start}px)` }}>
                <time dateTime={line.at}>{clock(line.at)}</time>
                <span>{readable(line.line)}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
