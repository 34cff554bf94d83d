// Tests the network, reads a drawing of a 1, and lights the LED if that is what it reads.
#include <digit.h>

static digit_workspace workspace;
static uint8_t gray[32 * 32];

void setup() {
  Serial.begin(115200);
  pinMode(LED_BUILTIN, OUTPUT);
  Serial.print("wrong logits: ");
  Serial.println(digit_self_test(&workspace));
}

void loop() {
  for (int row = 6; row < 26; ++row) {
    for (int column = 14; column < 17; ++column) {
      gray[row * 32 + column] = 255;
    }
  }
  digit_reading reading;
  if (digit_read(&workspace, gray, 32, 32, &reading) == DIGIT_OK) {
    Serial.println(reading.digit);
    digitalWrite(LED_BUILTIN, reading.digit == 1 ? HIGH : LOW);
  }
  delay(1000);
}
