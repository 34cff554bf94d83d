#!/bin/sh
# Report how well your own labelled pictures are read, float32 beside int8.
#
#   sh examples/own_pictures_reported.sh photos report
#
# photos/ has a folder for each digit, 0 to 9, or a labels.csv with the columns path and label.
set -eu
mnist-edge report nano --pictures "$1" --out "$2"
echo "see $2/report.html"
