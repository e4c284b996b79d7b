export async function POST(request) {
  return Response.json({ user: request.headers.get('x-auth-request-user'), body: await request.text() });
}
