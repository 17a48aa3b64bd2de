import { useEffect, useState } from 'react';

/** Width of an element in device pixels, in steps of 100 so that small changes are none; 0 until measured. */
export function useDeviceWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.ceil((entry.contentRect.width * window.devicePixelRatio) / 100) * 100);
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
