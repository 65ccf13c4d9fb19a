-- What is not yet added to `daily`: one row a batch, a JSON array of [[day, caller, model, provider, key], [requests, attempts, ...]], kept in
-- the transaction that inserts the batch's rows. Below 0 stand pieces that are in `daily` by now, negated. `daily_lines` is both together.
-- Whatever changes the columns of `daily` adds `unfolded` to it before (INSERT ... SELECT ... FROM daily_lines), and makes the view anew.
CREATE TABLE unfolded (
    number INTEGER NOT NULL PRIMARY KEY,
    lines  TEXT    NOT NULL
) STRICT;

CREATE VIEW daily_lines AS
    SELECT
    day, caller, model, provider, key, requests, attempts, cost_nanousd, input, cache_read, cache_write_short, cache_write_long,
    input_audio, cache_read_audio, input_image, cache_read_image, input_video, output, reasoning, output_audio, output_image,
    output_video, images, tool_calls, characters, audio_ms
    FROM daily
    UNION ALL
    SELECT
        line.value ->> '$[0][0]' AS day,
        line.value ->> '$[0][1]' AS caller,
        line.value ->> '$[0][2]' AS model,
        line.value ->> '$[0][3]' AS provider,
        line.value ->> '$[0][4]' AS key,
        line.value ->> '$[1][0]' AS requests,
        line.value ->> '$[1][1]' AS attempts,
        line.value ->> '$[1][2]' AS cost_nanousd,
        line.value ->> '$[1][3]' AS input,
        line.value ->> '$[1][4]' AS cache_read,
        line.value ->> '$[1][5]' AS cache_write_short,
        line.value ->> '$[1][6]' AS cache_write_long,
        line.value ->> '$[1][7]' AS input_audio,
        line.value ->> '$[1][8]' AS cache_read_audio,
        line.value ->> '$[1][9]' AS input_image,
        line.value ->> '$[1][10]' AS cache_read_image,
        line.value ->> '$[1][11]' AS input_video,
        line.value ->> '$[1][12]' AS output,
        line.value ->> '$[1][13]' AS reasoning,
        line.value ->> '$[1][14]' AS output_audio,
        line.value ->> '$[1][15]' AS output_image,
        line.value ->> '$[1][16]' AS output_video,
        line.value ->> '$[1][17]' AS images,
        line.value ->> '$[1][18]' AS tool_calls,
        line.value ->> '$[1][19]' AS characters,
        line.value ->> '$[1][20]' AS audio_ms
    FROM unfolded, json_each(unfolded.lines) AS line;
