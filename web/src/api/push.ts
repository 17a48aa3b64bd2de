import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { backoffMs } from '../media/chase.ts';
import { useUi } from '../state/ui.ts';
import { BASE, renew } from './client.ts';
import { CAMERAS } from './queries.ts';
import type { Camera, Push } from './types.ts';

/** The address of a socket under the API. */
export function socketUrl(path: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${BASE}${path}`;
}

/** How often the list of events is asked for again at most, while they pour in. */
const EVENTS_MS = 2000;

/** Keeps camera states and events fresh by the box's own telling, for as long as the component lives. */
export function usePush(): void {
  const client = useQueryClient();
  useEffect(() => {
    let socket: WebSocket | null = null;
    let timer = 0;
    let attempt = 0;
    let over = false;
    let eventsDue = 0;

    const receive = (push: Push): void => {
      if (push.topic === 'status') {
        const patched = (camera: Camera): Camera =>
          camera.id === push.camera ? { ...camera, status: push.status } : camera;
        client.setQueryData<Camera[]>(CAMERAS, (cameras) => cameras?.map(patched));
        client.setQueryData<Camera>([...CAMERAS, push.camera], (camera) => camera && patched(camera));
      } else if (push.topic === 'events' && eventsDue === 0) {
        eventsDue = window.setTimeout(() => {
          eventsDue = 0;
          void client.invalidateQueries({ queryKey: ['events'] });
        }, EVENTS_MS);
      }
    };

    const connect = (): void => {
      let opened = false;
      socket = new WebSocket(socketUrl('/ws'));
      socket.onopen = () => {
        opened = true;
        attempt = 0;
        useUi.getState().setOnline(true);
        socket?.send(JSON.stringify({ subscribe: ['events', 'status'] }));
      };
      socket.onmessage = (message: MessageEvent<string>) => receive(JSON.parse(message.data) as Push);
      socket.onclose = () => {
        if (over) return;
        timer = window.setTimeout(
          () => {
            // A socket cannot say that the session has run out; renewing costs little and cures that.
            const ready = opened ? Promise.resolve(true) : renew().catch(() => false);
            void ready.then(() => {
              if (!over) connect();
            });
          },
          backoffMs(attempt, Math.random()),
        );
        attempt += 1;
      };
    };
    connect();
    return () => {
      over = true;
      window.clearTimeout(timer);
      window.clearTimeout(eventsDue);
      socket?.close();
    };
  }, [client]);
}
