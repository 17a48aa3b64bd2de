import { Link } from 'wouter-preact';
import { useT } from '../i18n/use.ts';
import { Empty } from '../ui/parts.tsx';

export default function NotFoundPage() {
  const t = useT();
  return (
    <div class="grid flex-1 place-items-center p-4">
      <Empty icon="search" heading="h1" title={t('notFound.title')}>
        <p class="text-muted">{t('notFound.text')}</p>
        <Link href="/" class="btn btn-primary mt-2">
          {t('notFound.home')}
        </Link>
      </Empty>
    </div>
  );
}
