/** Stream to bytes. @throws what `tooLong` makes, as soon as there are more than `most` */
export async function boundedBytes(
  stream: AsyncIterable<Buffer>,
  most: number,
  tooLong: () => Error,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > most) throw tooLong();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}
