/** What this browser can play by Media Source Extensions. */

type MediaSourceClass = typeof MediaSource;

declare global {
  interface Window {
    /** Safari on iPhone, from 17.1. */
    ManagedMediaSource?: MediaSourceClass;
  }
}

/** The media source class of this browser; undefined where there is none (an old iPhone). */
export function mediaSourceClass(): MediaSourceClass | undefined {
  return window.ManagedMediaSource ?? window.MediaSource;
}

export function canPlay(mime: string): boolean {
  return mediaSourceClass()?.isTypeSupported(mime) ?? false;
}

/** Whether a video codec (`avc1.64001f`) plays; a codec not known yet is worth a try. */
export function canPlayCodec(codec: string | null | undefined): boolean {
  if (!codec || codec === 'mjpg' || codec === 'mjpeg') return true;
  return canPlay(`video/mp4; codecs="${codec}"`);
}

/** What people call the codec of a MIME type or RFC 6381 string. */
export function codecName(codec: string | null | undefined): string {
  const text = (codec ?? '').toLowerCase();
  if (/hvc1|hev1|h265|hevc/.test(text)) return 'H.265';
  if (/avc1|avc3|h264/.test(text)) return 'H.264';
  if (/av01/.test(text)) return 'AV1';
  if (/mjpg|jpe?g/.test(text)) return 'MJPEG';
  if (/mp4a|aac/.test(text)) return 'AAC';
  if (/g711|alaw|ulaw|pcma|pcmu/.test(text)) return 'G.711';
  if (/flac/.test(text)) return 'FLAC';
  return (codec ?? '').toUpperCase();
}
