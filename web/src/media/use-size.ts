import { useEffect, useState } from 'react';
import { fetchMedia } from '../api/client.ts';

/** The size of a file, asked of the box with a request for its first byte; null until known. */
export function useSize(url: string | null): number | 'nothing' | null {
  const [size, setSize] = useState<number | 'nothing' | null>(null);
  useEffect(() => {
    setSize(null);
    if (url === null) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      fetchMedia(url, { range: 'bytes=0-0', signal: abort.signal })
        .then((response) => {
          const total = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1];
          if (total) setSize(Number(total));
          abort.abort();
        })
        .catch((error: { status?: number }) => {
          if (error.status === 404 || error.status === 416) setSize('nothing');
        });
    }, 400);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [url]);
  return size;
}
