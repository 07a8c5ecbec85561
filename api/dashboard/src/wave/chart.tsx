// Stacked bars, drawn by uPlot on a canvas; the label says in words what it shows.
import i18next from 'i18next';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { hourMinute, number } from '../i18n/format';
import type { Throughput } from '../lib/buckets';
import { useDark } from '../lib/theme';

const HEIGHT = 180;
const BAR = 0.82;

const AXIS_PX = 44;
const DIGIT_PX = 7;
/** As wide as its longest label: "1,000,000" is cut otherwise. */
const axisWidth = (_u: uPlot, labels: string[] | null) =>
  Math.max(AXIS_PX, 12 + DIGIT_PX * Math.max(0, ...(labels ?? []).map((l) => l.length)));

/** A property of base.css as a canvas understands it: a colour there is a light one and a dark one, and only as the
    colour of an element is it the one of both that is meant. */
function colour(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

/** Bars lie over one another, so the one below is drawn as high as both. */
function series(data: Throughput): uPlot.AlignedData {
  const from = Date.parse(data.from) / 1000;
  const at = data.completed.map((_, i) => from + i * data.step_seconds);
  const both = data.completed.map((n, i) => n + (data.failed[i] ?? 0));
  return [at, both, data.completed];
}

function options(box: HTMLElement, data: Throughput): uPlot.Options {
  const bars = uPlot.paths.bars!({ size: [BAR, 40, 2], align: 1 });
  const axis: uPlot.Axis = {
    stroke: colour(box, '--muted'),
    grid: { stroke: colour(box, '--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(box).fontFamily}`,
  };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { time: true, range: (_u, min, max) => [min, max + data.step_seconds] },
      y: { range: (_u, _min, max) => [0, Math.max(4, max * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, values: (_u, at) => at.map((s) => hourMinute(s * 1000)) },
      { ...axis, size: axisWidth, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: (_u, n) => n.map(number) },
    ],
    series: [
      {},
      { paths: bars, fill: colour(box, '--bad'), width: 0, points: { show: false } },
      { paths: bars, fill: colour(box, '--good'), width: 0, points: { show: false } },
    ],
  };
}

export function Chart({ data, label }: { data: Throughput; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(data);
  latest.current = data;
  const dark = useDark();
  const { language } = i18next;
  useEffect(() => {
    const parent = box.current!;
    const made = new uPlot(options(parent, latest.current), series(latest.current), parent);
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height: HEIGHT }));
    watcher.observe(parent);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, language]);
  useEffect(() => plot.current?.setData(series(data)), [data]);
  return <div className="chart" ref={box} role="img" aria-label={label} />;
}
