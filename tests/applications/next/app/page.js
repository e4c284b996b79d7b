import { headers } from 'next/headers';

export default async function Page() {
  const user = (await headers()).get('x-auth-request-user') ?? 'nobody';
  return <p>{`Hello ${user}.`}</p>;
}
