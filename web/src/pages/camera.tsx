export default function CameraPage({ id }: { id: string }) {
  return <p>{id}</p>;
}
